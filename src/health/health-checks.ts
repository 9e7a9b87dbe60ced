import type { Clock, Timer } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import type { BackendTls } from "../upstream/dial.ts";
import type { Pool } from "../upstream/pool.ts";
import type { Probe } from "./probe.ts";

/** Checks of many edges and backends do not fall into step. */
const JITTER = 0.1;

export interface HealthCheckOptions {
  readonly pool: Pool;
  readonly probe: Probe;
  readonly path: string;
  readonly tls: BackendTls;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Failed checks in a row that take a backend out; the first of an unknown one does at once. */
  readonly unhealthyAfter: number;
  /** Passed checks in a row that bring it back. */
  readonly healthyAfter: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onChecked: (backend: LiveBackend, cause: string | undefined) => void;
  /** It was unhealthy, and takes sessions again. */
  readonly onRecovered: (backend: LiveBackend) => void;
}

/** The checks of one backend: each waits for the end of the one before. */
interface Cycle {
  readonly stop: AbortController;
  timer: Timer | undefined;
  /** Checks in a row that contradict what is believed now. */
  contrary: number;
}

/** Asks each backend of a pool again and again whether it is well, and keeps what it says there. */
export class HealthChecks implements Disposable {
  readonly #options: HealthCheckOptions;
  readonly #cycles = new Map<LiveBackend, Cycle>();
  readonly #stopListening: () => void;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
    this.#stopListening = options.pool.onChange(({ joined, left }) => {
      for (const backend of left) this.#stop(backend);
      for (const backend of joined) this.#start(backend);
    });
    for (const backend of options.pool.backends) this.#start(backend);
  }

  [Symbol.dispose](): void {
    this.#stopListening();
    for (const backend of this.#cycles.keys()) this.#stop(backend);
  }

  #start(backend: LiveBackend): void {
    this.#stop(backend);
    const cycle: Cycle = { stop: new AbortController(), timer: undefined, contrary: 0 };
    this.#cycles.set(backend, cycle);
    // Those that begin together spread over the first period.
    this.#schedule(backend, cycle, this.#options.random.fraction() * this.#options.everyMs);
  }

  #stop(backend: LiveBackend): void {
    const cycle = this.#cycles.get(backend);
    cycle?.timer?.cancel();
    cycle?.stop.abort();
    this.#cycles.delete(backend);
  }

  #schedule(backend: LiveBackend, cycle: Cycle, inMs: number): void {
    cycle.timer = this.#options.clock.after(inMs, () => void this.#check(backend, cycle));
  }

  async #check(backend: LiveBackend, cycle: Cycle): Promise<void> {
    const { probe, path, tls, timeoutMs, clock, everyMs, random, onChecked } = this.#options;
    const { signal } = cycle.stop;
    const options = { path, tls, timeoutMs, clock, signal };
    const cause = await probe(backend, options).catch(describeError);
    if (signal.aborted) return;
    onChecked(backend, cause);
    this.#judge(backend, cycle, cause);
    this.#schedule(backend, cycle, everyMs * (1 + JITTER * (2 * random.fraction() - 1)));
  }

  #judge(backend: LiveBackend, cycle: Cycle, cause: string | undefined): void {
    const { pool, logger, unhealthyAfter, healthyAfter, onRecovered } = this.#options;
    const [before, passed] = [backend.health, cause === undefined];
    if (passed === (before !== "unhealthy")) {
      if (passed) backend.health = "healthy";
      cycle.contrary = 0;
      return;
    }
    cycle.contrary++;
    const needed = { unknown: 1, healthy: unhealthyAfter, unhealthy: healthyAfter }[before];
    if (cycle.contrary < needed) return;
    cycle.contrary = 0;
    backend.health = passed ? "healthy" : "unhealthy";
    const fields = { pool: pool.name, backend: backend.id };
    if (passed) {
      logger.info("backend healthy", fields);
      onRecovered(backend);
    } else {
      logger.warn("backend unhealthy", { ...fields, cause });
    }
  }
}
