import type { Clock, Timer } from "../core/clock.ts";
import type { OpenTunnel } from "./open-tunnel.ts";

const STEP_MS = 50;

export interface EvenClosingOptions {
  /** Those that are open now; asked again at each step. */
  readonly tunnels: () => Iterable<OpenTunnel>;
  readonly overMs: number;
  readonly close: (tunnel: OpenTunnel) => void;
  readonly clock: Clock;
}

export interface ClosingProgress {
  readonly closed: number;
  readonly left: number;
  readonly remainingMs: number;
}

/**
 * Closes tunnels evenly over a time, so that their clients come back a few at a time. Those that
 * open meanwhile take part, and after that time are closed at once, until it is disposed.
 */
export class EvenClosing implements Disposable {
  readonly #options: EvenClosingOptions;
  readonly #startMs: number;
  readonly #step: Timer;
  #closed = 0;

  constructor(options: EvenClosingOptions) {
    this.#options = options;
    this.#startMs = options.clock.nowMs();
    this.#step = options.clock.every(STEP_MS, () => this.#closeDue());
    this.#closeDue();
  }

  get progress(): ClosingProgress {
    const elapsedMs = this.#options.clock.nowMs() - this.#startMs;
    const remainingMs = Math.max(0, this.#options.overMs - elapsedMs);
    return { closed: this.#closed, left: this.#left().length, remainingMs };
  }

  [Symbol.dispose](): void {
    this.#step.cancel();
  }

  #closeDue(): void {
    const { overMs, clock, close } = this.#options;
    const elapsedMs = clock.nowMs() - this.#startMs;
    const left = this.#left();
    const share = elapsedMs < overMs ? elapsedMs / overMs : 1;
    // Rounded up: the first need not wait.
    const due = Math.ceil((this.#closed + left.length) * share) - this.#closed;
    for (const tunnel of left.slice(0, Math.max(0, due))) {
      this.#closed++;
      close(tunnel);
    }
  }

  #left(): OpenTunnel[] {
    return [...this.#options.tunnels()].filter(({ isEnding }) => !isEnding);
  }
}
