/**
 * Chance that can be had again: a 32-bit counter in steps of the golden ratio, its bits mixed as in
 * MurmurHash3. Good enough to draw faults, and the same on every machine.
 */
export class Random {
  #state;

  /** @param {number | string} seed */
  constructor(seed) {
    this.#state = typeof seed === "number" ? seed >>> 0 : hash(seed);
  }

  /** From 0 up to, not including, 1. */
  fraction() {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    return mix(this.#state) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  integer(from, to) {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  pick(list) {
    return list[this.integer(0, list.length - 1)];
  }

  /** The same members in another order. */
  shuffled(list) {
    const members = [...list];
    for (let i = members.length - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [members[i], members[j]] = [members[j], members[i]];
    }
    return members;
  }
}

function mix(value) {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

function hash(text) {
  let state = 0;
  for (let i = 0; i < text.length; i++) state = mix(Math.imul(state, 31) + text.charCodeAt(i));
  return state;
}
