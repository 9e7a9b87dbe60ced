const MAX = 1_000;

/** The last ids that were seen. */
export class Recent {
  readonly #ids = new Set<string>();

  /** @returns false for one that is among them */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > MAX) {
      for (const oldest of this.#ids) {
        this.#ids.delete(oldest);
        break;
      }
    }
    return true;
  }
}
