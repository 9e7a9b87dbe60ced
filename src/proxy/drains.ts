import type { Clock, Timer } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import { EvenClosing, type ClosingProgress } from "./even-closing.ts";
import type { ServedPool } from "./served-pool.ts";
import type { Tunnels } from "./tunnels.ts";

/**
 * Who wants a backend emptied: an operator, the source that announced it, or the membership that it
 * has left. It takes sessions again when nobody does any more.
 */
export type DrainCause = "operator" | "announced" | "left";

const SWEEP_MS = 1_000;

interface Drain {
  readonly causes: Set<DrainCause>;
  readonly closing: EvenClosing;
}

export interface DrainsOptions {
  readonly tunnels: Tunnels;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Empties backends: nothing new goes to them, and what is open is closed a few at a time. */
export class Drains implements Disposable {
  readonly #options: DrainsOptions;
  readonly #drains = new Map<LiveBackend, Drain>();
  readonly #sweep: Timer;

  constructor(options: DrainsOptions) {
    this.#options = options;
    this.#sweep = options.clock.every(SWEEP_MS, () => this.#forgetEmpty());
  }

  begin(served: ServedPool, backend: LiveBackend, cause: DrainCause): void {
    const known = this.#drains.get(backend);
    if (known !== undefined) {
      known.causes.add(cause);
      return;
    }
    const { tunnels, clock, logger } = this.#options;
    const { overMs, closeCode } = served.drain;
    backend.isDraining = true;
    const [pool, id, open] = [served.pool.name, backend.id, backend.connections];
    logger.info("draining", { pool, backend: id, cause, tunnels: open, overMs });
    const closing = new EvenClosing({
      tunnels: () => tunnels.to(backend),
      overMs,
      close: (tunnel) => tunnel.close("draining", closeCode),
      clock,
    });
    this.#drains.set(backend, { causes: new Set([cause]), closing });
  }

  /** Stops it, unless somebody else wants it too; what is closed stays closed. */
  end(served: ServedPool, backend: LiveBackend, cause: DrainCause): void {
    const drain = this.#drains.get(backend);
    if (drain?.causes.delete(cause) !== true || drain.causes.size > 0) return;
    this.#forget(backend);
    backend.isDraining = false;
    this.#options.logger.info("not draining any more", {
      pool: served.pool.name,
      backend: backend.id,
    });
    backend.startSlowly(this.#options.clock.nowMs(), served.slowStartMs);
  }

  progressOf(backend: LiveBackend): ClosingProgress | undefined {
    return this.#drains.get(backend)?.closing.progress;
  }

  [Symbol.dispose](): void {
    this.#sweep.cancel();
    for (const backend of this.#drains.keys()) this.#forget(backend);
  }

  /** Those that have left and have nothing open any more will not come back to be undrained. */
  #forgetEmpty(): void {
    for (const [backend, { causes }] of this.#drains) {
      if (causes.has("left") && backend.load === 0) this.#forget(backend);
    }
  }

  #forget(backend: LiveBackend): void {
    this.#drains.get(backend)?.closing[Symbol.dispose]();
    this.#drains.delete(backend);
  }
}
