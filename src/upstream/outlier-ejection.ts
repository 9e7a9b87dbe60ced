import type { Clock, Timer } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { LiveBackend } from "./backend.ts";
import type { Pool } from "./pool.ts";

/** Ejections of one backend in a row make each longer, up to this many times the first. */
const LONGEST = 10;
/** A backend that dies takes all of its tunnels along: that is one failure, not thousands. */
const ONE_EVENT_MS = 1_000;

export interface OutlierLimits {
  readonly consecutiveFailures: number;
  readonly ejectForMs: number;
  /** Of the pool's members; no more are out at the same time. */
  readonly maxEjectedPercent: number;
}

export interface OutlierOptions extends OutlierLimits {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onEjected: (backend: LiveBackend) => void;
  /** It takes new sessions again. */
  readonly onReturned: (backend: LiveBackend) => void;
}

interface Conduct {
  /** In a row: connections and handshakes that failed. */
  refusals: number;
  /** In a row: tunnels that it has ended without a Close. */
  losses: number;
  lastLossMs: number;
  ejections: number;
  returnedMs: number;
  timer: Timer | undefined;
}

/**
 * Takes backends out of the choice that fail clients several times in a row, though they may answer
 * health checks. One that fails again soon after its return stays out longer.
 */
export class OutlierEjection implements Disposable {
  readonly #options: OutlierOptions;
  readonly #conduct = new Map<LiveBackend, Conduct>();
  readonly #stopListening: () => void;
  /** Requests under way may still report after a reload has put another in its place. */
  #isClosed = false;

  constructor(options: OutlierOptions) {
    this.#options = options;
    this.#stopListening = options.pool.onChange(({ left }) => {
      for (const backend of left) this.#forget(backend);
    });
  }

  /** It could not be connected to, or its handshake failed. */
  refused(backend: LiveBackend): void {
    const conduct = this.#conductOf(backend);
    conduct.refusals++;
    this.#judge(backend, conduct);
  }

  /** It has answered a handshake. */
  accepted(backend: LiveBackend): void {
    const conduct = this.#conduct.get(backend);
    if (conduct !== undefined) conduct.refusals = 0;
  }

  /** A tunnel has ended. @param abnormally the backend broke it off, or broke the rules */
  ended(backend: LiveBackend, abnormally: boolean): void {
    if (!abnormally) {
      const conduct = this.#conduct.get(backend);
      if (conduct !== undefined) conduct.losses = 0;
      return;
    }
    const conduct = this.#conductOf(backend);
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - conduct.lastLossMs < ONE_EVENT_MS) return;
    conduct.lastLossMs = nowMs;
    conduct.losses++;
    this.#judge(backend, conduct);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#stopListening();
    for (const backend of this.#conduct.keys()) this.#forget(backend);
  }

  #judge(backend: LiveBackend, conduct: Conduct): void {
    const { pool, clock, logger, ejectForMs, consecutiveFailures } = this.#options;
    const failures = Math.max(conduct.refusals, conduct.losses);
    if (this.#isClosed || backend.isEjected || failures < consecutiveFailures || !this.#mayEject())
      return;
    const nowMs = clock.nowMs();
    // One that held out for as long as it was out before begins anew.
    const held = nowMs - conduct.returnedMs >= ejectForMs * conduct.ejections;
    conduct.ejections = held ? 1 : Math.min(LONGEST, conduct.ejections + 1);
    conduct.refusals = 0;
    conduct.losses = 0;
    const forMs = ejectForMs * conduct.ejections;
    backend.isEjected = true;
    conduct.timer = clock.after(forMs, () => {
      conduct.returnedMs = clock.nowMs();
      backend.isEjected = false;
      logger.info("backend returns", { pool: pool.name, backend: backend.id });
      this.#options.onReturned(backend);
    });
    logger.warn("backend ejected", { pool: pool.name, backend: backend.id, failures, forMs });
    this.#options.onEjected(backend);
  }

  #mayEject(): boolean {
    const { pool, maxEjectedPercent } = this.#options;
    const ejected = pool.backends.filter(({ isEjected }) => isEjected).length;
    return (ejected + 1) * 100 <= maxEjectedPercent * pool.backends.length;
  }

  #conductOf(backend: LiveBackend): Conduct {
    const known = this.#conduct.get(backend);
    if (known !== undefined) return known;
    const fresh: Conduct = {
      refusals: 0,
      losses: 0,
      lastLossMs: -Infinity,
      ejections: 0,
      returnedMs: -Infinity,
      timer: undefined,
    };
    this.#conduct.set(backend, fresh);
    return fresh;
  }

  #forget(backend: LiveBackend): void {
    this.#conduct.get(backend)?.timer?.cancel();
    this.#conduct.delete(backend);
    backend.isEjected = false;
  }
}
