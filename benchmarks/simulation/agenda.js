const NONE = -1;

/**
 * What each session does next, and when. A session has one event at most, so that a list for each
 * step of time, linked through one array, holds a million of them without an object.
 */
export class Agenda {
  #stepMs;
  #first;
  #last;
  #next;
  #scheduled = 0;

  /** @param horizonMs what would happen later does not happen */
  constructor(sessions, { stepMs, horizonMs }) {
    this.#stepMs = stepMs;
    const steps = Math.ceil(horizonMs / stepMs) + 1;
    this.#first = new Int32Array(steps).fill(NONE);
    this.#last = new Int32Array(steps).fill(NONE);
    this.#next = new Int32Array(sessions).fill(NONE);
  }

  get isEmpty() {
    return this.#scheduled === 0;
  }

  /** Not before `dueMs`, and in the order in which they were added. */
  add(session, dueMs) {
    const step = Math.ceil(dueMs / this.#stepMs);
    if (step >= this.#first.length) return;
    this.#next[session] = NONE;
    if (this.#first[step] === NONE) this.#first[step] = session;
    else this.#next[this.#last[step]] = session;
    this.#last[step] = session;
    this.#scheduled++;
  }

  /** Everything of one step, what is added to it meanwhile included. */
  run(step, act) {
    while (this.#first[step] !== NONE) {
      const session = this.#first[step];
      this.#first[step] = this.#next[session];
      this.#scheduled--;
      act(session);
    }
  }
}
