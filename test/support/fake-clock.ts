import type { Clock, Timer } from "../../src/core/clock.ts";

interface Pending {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #pending = new Set<Pending>();

  /** Timers that are neither cancelled nor, if they run once, over. */
  get timers(): number {
    return this.#pending.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** The same clock, begun in 2020: dates are far from times since the start. */
  dateMs(): number {
    return 1_577_836_800_000 + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#add({ dueMs: this.#nowMs + delayMs, periodMs: undefined, run });
  }

  every(periodMs: number, run: () => void): Timer {
    if (!(periodMs > 0)) throw new RangeError(`a period of ${periodMs} ms`);
    return this.#add({ dueMs: this.#nowMs + periodMs, periodMs, run });
  }

  soon(run: () => void): void {
    this.#add({ dueMs: this.#nowMs, periodMs: undefined, run });
  }

  /** Time passes; what is due on the way runs in the order in which it is due. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const next = this.#nextUntil(endMs);
      if (next === undefined) break;
      this.#nowMs = next.dueMs;
      if (next.periodMs === undefined) this.#pending.delete(next);
      else next.dueMs += next.periodMs;
      next.run();
    }
    this.#nowMs = endMs;
  }

  #add(pending: Pending): Timer {
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  #nextUntil(endMs: number): Pending | undefined {
    let next: Pending | undefined;
    for (const pending of this.#pending) {
      if (pending.dueMs <= endMs && (next === undefined || pending.dueMs < next.dueMs)) {
        next = pending;
      }
    }
    return next;
  }
}
