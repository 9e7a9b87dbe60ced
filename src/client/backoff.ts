export interface BackoffLimits {
  /** Milliseconds: the first limit. */
  readonly firstMs: number;
  /** Milliseconds: no limit is above. */
  readonly maxMs: number;
}

/**
 * Full jitter: a delay is drawn evenly from 0 to a limit that doubles with each failure, so that
 * clients that failed together do not come back together ("Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015).
 */
export class Backoff {
  readonly #limits: BackoffLimits;
  readonly #fraction: () => number;
  #failures = 0;

  /** @param fraction draws evenly from 0 to 1 */
  constructor(limits: BackoffLimits, fraction: () => number) {
    this.#limits = limits;
    this.#fraction = fraction;
  }

  nextMs(): number {
    const { firstMs, maxMs } = this.#limits;
    return this.#fraction() * Math.min(maxMs, firstMs * 2 ** this.#failures++);
  }

  /** The next limit is the first one. */
  reset(): void {
    this.#failures = 0;
  }
}
