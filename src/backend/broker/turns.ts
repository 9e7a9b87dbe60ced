interface Waiting {
  readonly begin: () => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * Lets only so many requests be under way at the same time; the others wait for their turn. When one
 * fails, those that wait fail with it: else each would find out for itself that a server is away, one
 * after the other.
 */
export class Turns {
  readonly #most: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#running < this.#most) this.#running++;
    else await new Promise<void>((begin, refuse) => this.#waiting.push({ begin, refuse }));
    try {
      return await run();
    } catch (error) {
      for (const { refuse } of this.#waiting.splice(0)) refuse(error);
      throw error;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next.begin();
    }
  }
}
