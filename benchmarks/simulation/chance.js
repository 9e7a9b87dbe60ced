const UINT32 = 2 ** 32;

/** Chance that a seed repeats (mulberry32). The part of `Random` that placing and spreading need. */
export class SeededChance {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / UINT32;
  }

  below(limit) {
    return Math.floor(this.fraction() * limit);
  }
}
