import { Backoff, type BackoffLimits } from "./backoff.ts";
import type { Environment, Timer } from "./environment.ts";

/** One thing that is tried again later: at most one timer runs. */
export class Retry {
  readonly #environment: Environment;
  readonly #backoff: Backoff;
  #waiting:
    { readonly timer: Timer; readonly earliestMs: number; readonly run: () => void } | undefined;

  constructor(environment: Environment, limits: BackoffLimits) {
    this.#environment = environment;
    this.#backoff = new Backoff(limits, () => environment.fraction());
  }

  /** Whether it waits. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /**
   * Runs it later, in place of what waits already.
   *
   * @param notBeforeMs from now; the jitter comes on top, or else all would come right then
   * @returns milliseconds from now
   */
  schedule(run: () => void, notBeforeMs = 0): number {
    const delayMs = notBeforeMs + this.#backoff.nextMs();
    this.#wait(delayMs, this.#environment.nowMs() + notBeforeMs, run);
    return delayMs;
  }

  /** Runs what waits now, or as soon as it may. */
  hurry(): void {
    if (this.#waiting === undefined) return;
    const { earliestMs, run } = this.#waiting;
    this.#wait(Math.max(0, earliestMs - this.#environment.nowMs()), earliestMs, run);
  }

  cancel(): void {
    this.#waiting?.timer.cancel();
    this.#waiting = undefined;
  }

  /** It has worked: the next delay is a short one. */
  reset(): void {
    this.#backoff.reset();
  }

  #wait(delayMs: number, earliestMs: number, run: () => void): void {
    this.cancel();
    const timer = this.#environment.after(delayMs, () => {
      this.#waiting = undefined;
      run();
    });
    this.#waiting = { timer, earliestMs, run };
  }
}
