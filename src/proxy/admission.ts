import type { Clock, Timer } from "../core/clock.ts";

/** The part of a second's handshakes that may come at once after a quiet time. */
const BURST_SECONDS = 0.1;

export interface AdmissionOptions {
  readonly perSecond: number;
  /** How many may wait. */
  readonly maxQueued: number;
  /** Who would have to wait longer is refused at once. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
}

/** `storm`: there is no place in the queue. */
type Admitted = "admitted" | "storm" | "client_gone";

interface Waiting {
  readonly settle: (result: Admitted) => void;
}

/**
 * Lets handshakes in at an even rate: a token bucket with a queue, first come, first served. The
 * rate is fixed, so the wait is known on arrival: nobody waits in vain.
 */
export class Admission implements Disposable {
  readonly #options: AdmissionOptions;
  readonly #burst: number;
  #tokens: number;
  #filledMs: number;
  readonly #queue = new Set<Waiting>();
  #timer: Timer | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#burst = Math.max(1, options.perSecond * BURST_SECONDS);
    this.#tokens = this.#burst;
    this.#filledMs = options.clock.nowMs();
  }

  /** How many wait now. */
  get queued(): number {
    return this.#queue.size;
  }

  /** @param signal aborted when the client leaves: its place falls to the next */
  enter(signal: AbortSignal): Promise<Admitted> | Admitted {
    this.#fill();
    if (this.#queue.size === 0 && this.#tokens >= 1) {
      this.#tokens--;
      return "admitted";
    }
    const { perSecond, maxQueued, maxWaitMs } = this.#options;
    const waitMs = ((this.#queue.size + 1 - this.#tokens) * 1000) / perSecond;
    if (this.#queue.size >= maxQueued || waitMs > maxWaitMs) return "storm";
    return new Promise((resolve) => {
      const onAbort = (): void => waiting.settle("client_gone");
      const waiting: Waiting = {
        settle: (result) => {
          this.#queue.delete(waiting);
          signal.removeEventListener("abort", onAbort);
          resolve(result);
        },
      };
      this.#queue.add(waiting);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      this.#schedule();
    });
  }

  /** There is no rate any more: those who wait go in. */
  [Symbol.dispose](): void {
    this.#timer?.cancel();
    for (const waiting of this.#queue) waiting.settle("admitted");
  }

  #fill(): void {
    const nowMs = this.#options.clock.nowMs();
    const fresh = ((nowMs - this.#filledMs) * this.#options.perSecond) / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + fresh);
    this.#filledMs = nowMs;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#queue.size === 0) return;
    const waitMs = ((1 - this.#tokens) * 1000) / this.#options.perSecond;
    this.#timer = this.#options.clock.after(Math.max(1, Math.ceil(waitMs)), () => {
      this.#timer = undefined;
      this.#fill();
      for (const waiting of this.#queue) {
        if (this.#tokens < 1) break;
        this.#tokens--;
        waiting.settle("admitted");
      }
      this.#schedule();
    });
  }
}
