import cluster from "node:cluster";
import { isDeepStrictEqual } from "node:util";
import { fileURLToPath } from "node:url";
import { Counter, Gauge, Registry } from "prom-client";
import { AdminServer } from "../../admin/server.ts";
import type { EdgeConfig } from "../../config/schema.ts";
import { systemClock, type Timer } from "../../core/clock.ts";
import { describeError, StartError } from "../../core/errors.ts";
import { acceptsItself } from "../../core/listen.ts";
import type { Logger } from "../../core/logger.ts";
import { systemRandom } from "../../core/random.ts";
import type { Runner } from "../runner.ts";
import { FixedPorts } from "./fixed-ports.ts";
import { shareLimits } from "./share-limits.ts";
import { WorkerProcess } from "./worker-process.ts";
import { WorkersAdmin, type Drained } from "./workers-admin.ts";

const SHORTEST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
/** A worker that has run for this long did not end because of how it starts. */
const STEADY_MS = 10_000;

export interface SupervisorOptions {
  readonly config: EdgeConfig;
  readonly workers: number;
  readonly directory: string;
  readonly logger: Logger;
}

const SECRET_BYTES = 32;

interface Place {
  worker: WorkerProcess | undefined;
  startedMs: number;
  backoffMs: number;
  again: Timer | undefined;
}

/**
 * Several processes that serve the same addresses. One that ends is started again; all are watched
 * at one admin address.
 */
export class Supervisor implements Runner {
  readonly #options: SupervisorOptions;
  readonly #places: Place[];
  readonly #drained: Drained = new Map();
  readonly #ports = new FixedPorts();
  /** One for all, when none is configured: workers have to know one another's sessions. */
  readonly #madeUpSecret = systemRandom.bytes(SECRET_BYTES).toString("base64url");
  readonly #registry = new Registry();
  readonly #restarts: Counter;
  #config: EdgeConfig;
  #admin: AdminServer | undefined;
  #isClosing = false;
  /** One rolling restart or reload at a time. */
  #busy: Promise<void> = Promise.resolve();

  private constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#places = Array.from({ length: options.workers }, () => ({
      worker: undefined,
      startedMs: 0,
      backoffMs: SHORTEST_BACKOFF_MS,
      again: undefined,
    }));
    const places = this.#places;
    this.#restarts = new Counter({
      name: "ringway_worker_restarts_total",
      help: "Workers that ended by themselves and were started again.",
      registers: [this.#registry],
    });
    new Gauge({
      name: "ringway_workers",
      help: "Worker processes that run now.",
      registers: [this.#registry],
      collect() {
        this.set(places.filter(({ worker }) => worker !== undefined).length);
      },
    });
  }

  /** @throws StartError when a worker can't start */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    cluster.setupPrimary({
      exec: fileURLToPath(new URL("./worker.js", import.meta.url)),
      args: [],
      serialization: "advanced",
    });
    warnOfMemory(options);
    const supervisor = new Supervisor(options);
    try {
      await supervisor.#startAll();
    } catch (error) {
      supervisor.#isClosing = true;
      for (const { worker } of supervisor.#places) worker?.kill();
      throw new StartError(describeError(error), { cause: error });
    }
    return supervisor;
  }

  reload(config: EdgeConfig): Promise<void> {
    return this.#oneAtATime(async () => {
      const before = this.#config;
      const [first, ...others] = this.#running();
      // What the first can't do leaves all as they were; what it can, the others can.
      if (first !== undefined) {
        const addresses = await first.ask({ do: "reload", config: this.#forWorkers(config) });
        this.#learnPorts(config, addresses);
      }
      this.#config = config;
      const order = { do: "reload", config: this.#forWorkers(config) } as const;
      await Promise.all(others.map((worker) => worker.ask(order).catch(this.#failed("reload"))));
      if (config.workers !== before.workers) {
        this.#options.logger.warn("the number of workers changes at the next start");
      }
      if (isDeepStrictEqual(config.admin, before.admin)) return;
      await this.#admin?.close();
      await this.#openAdmin().catch(this.#failed("serve admin"));
    });
  }

  /** One by one: the next one listens before the one before is drained. */
  restart(): Promise<void> {
    const { logger } = this.#options;
    return this.#oneAtATime(async () => {
      logger.info("rolling restart", { workers: this.#places.length });
      for (const place of this.#places) {
        if (this.#isClosing) return;
        const before = place.worker;
        await this.#startAt(place);
        if (before !== undefined) await end(before);
      }
      logger.info("rolling restart done");
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const { again } of this.#places) again?.cancel();
    await Promise.all(this.#running().map(end));
    await this.#busy;
    await Promise.all(this.#running().map(end));
    await this.#admin?.close();
  }

  async #startAll(): Promise<void> {
    const [first, ...others] = this.#places;
    if (first !== undefined) await this.#startAt(first);
    await Promise.all(others.map((place) => this.#startAt(place)));
    await this.#openAdmin();
  }

  /** @throws Error when the worker can't start; it has ended then */
  async #startAt(place: Place): Promise<void> {
    const worker = new WorkerProcess();
    const { directory, logger } = this.#options;
    const config = this.#forWorkers(this.#config);
    const drained = [...this.#drained.values()];
    try {
      const addresses = await worker.ask({ do: "start", config, directory, drained });
      this.#learnPorts(this.#config, addresses);
      place.worker = worker;
      place.startedMs = systemClock.nowMs();
      logger.info("worker started", { pid: worker.pid });
      void worker.exited.then((how) => this.#ended(place, worker, how));
    } catch (error) {
      worker.kill();
      await worker.exited;
      throw error;
    }
  }

  #ended(place: Place, worker: WorkerProcess, how: string): void {
    if (place.worker !== worker) return;
    place.worker = undefined;
    if (this.#isClosing) return;
    this.#options.logger.error("worker ended", { pid: worker.pid, how });
    const lived = systemClock.nowMs() - place.startedMs;
    place.backoffMs =
      lived >= STEADY_MS ? SHORTEST_BACKOFF_MS : Math.min(LONGEST_BACKOFF_MS, place.backoffMs * 2);
    this.#startAgain(place);
  }

  #startAgain(place: Place): void {
    place.again = systemClock.after(place.backoffMs, () => {
      if (this.#isClosing || place.worker !== undefined) return;
      this.#restarts.inc();
      this.#startAt(place).catch((error: unknown) => {
        this.#failed("start")(error);
        place.backoffMs = Math.min(LONGEST_BACKOFF_MS, place.backoffMs * 2);
        if (!this.#isClosing) this.#startAgain(place);
      });
    });
  }

  #running(): WorkerProcess[] {
    return this.#places.flatMap(({ worker }) => worker ?? []);
  }

  #forWorkers(config: EdgeConfig): EdgeConfig {
    const { secret = this.#madeUpSecret } = config;
    const alone = { ...config, secret, admin: undefined, workers: 1 };
    return this.#ports.apply(shareLimits(alone, this.#places.length));
  }

  #learnPorts(config: EdgeConfig, addresses: readonly string[]): void {
    if (acceptsItself()) this.#ports.learn(config, addresses);
  }

  async #openAdmin(): Promise<void> {
    const { admin } = this.#config;
    this.#admin = undefined;
    if (admin === undefined) return;
    const server = new AdminServer({
      address: admin.address,
      token: admin.token,
      source: new WorkersAdmin({
        workers: () => this.#running(),
        registry: this.#registry,
        drained: this.#drained,
        isClosing: () => this.#isClosing,
      }),
    });
    const address = await server.listen();
    this.#admin = server;
    this.#options.logger.info("admin listening", { address });
  }

  #oneAtATime(run: () => Promise<void>): Promise<void> {
    const done = this.#busy.then(run);
    this.#busy = done.catch(() => undefined);
    return done;
  }

  #failed(what: string): (error: unknown) => void {
    return (error) => {
      this.#options.logger.error(`a worker cannot ${what}`, { cause: describeError(error) });
    };
  }
}

function warnOfMemory({ config: { secret, sessions }, logger }: SupervisorOptions): void {
  if (secret === undefined) {
    logger.warn("no secret is configured: sessions and issued cookies end with this process");
  }
  if (sessions.store === "memory") {
    logger.warn(
      "each worker remembers sessions for itself: share them with sessions: { store: redis }",
    );
  }
}

/** Lets a worker drain, and then go. */
async function end(worker: WorkerProcess): Promise<void> {
  await worker.ask({ do: "close" }).catch(() => undefined); // it has ended already
  await worker.release();
}
