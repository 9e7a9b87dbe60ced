/** A timer that can be cancelled any number of times. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, injected so that tests are exact. The system clock is the only place that asks Node.js.
 */
export interface Clock {
  /** Milliseconds on a clock that never goes back (not a date). */
  nowMs(): number;
  /** Milliseconds since 1970: for what others have dated, such as a token's expiry. */
  dateMs(): number;
  after(delayMs: number, run: () => void): Timer;
  /** Runs again and again until cancelled; does not keep the process alive by itself. */
  every(periodMs: number, run: () => void): Timer;
  /** Runs once, when all that has arrived in this turn of the event loop is dealt with. */
  soon(run: () => void): void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  dateMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  every(periodMs, run) {
    const timer = setInterval(run, periodMs);
    timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
  soon(run) {
    setImmediate(run);
  },
};
