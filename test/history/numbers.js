/** Small numbers by place, from 0 on, in as many bytes as needed; 0 where nothing was put. */
export class Numbers {
  #held;

  /** @param {Uint8ArrayConstructor | Uint16ArrayConstructor | Float64ArrayConstructor} kind */
  constructor(kind) {
    this.#held = new kind(64);
  }

  get(place) {
    return this.#held[place] ?? 0;
  }

  set(place, number) {
    if (place >= this.#held.length) {
      const larger = new this.#held.constructor(Math.max(place + 1, this.#held.length * 2));
      larger.set(this.#held);
      this.#held = larger;
    }
    this.#held[place] = number;
  }
}
