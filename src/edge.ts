import { isDeepStrictEqual } from "node:util";
import { Registry, type MetricObjectWithValues, type MetricValue } from "prom-client";
import { createMetrics, type EdgeMetrics } from "./admin/metrics.ts";
import { poolStatus, type PoolStatus } from "./admin/pool-status.ts";
import { AdminServer, type AdminSource } from "./admin/server.ts";
import { checkBackends, checkConfig, type BackendInput } from "./config/check.ts";
import { LiveListeners } from "./config/live-listeners.ts";
import { LivePools, type Prepared } from "./config/live-pools.ts";
import { LiveStore } from "./config/live-store.ts";
import type { Services } from "./config/open-redis.ts";
import type { EdgeConfig, EdgeConfigInput } from "./config/schema.ts";
import type { Backend } from "./core/backend.ts";
import { systemClock } from "./core/clock.ts";
import { describeError } from "./core/errors.ts";
import { silentLogger, type Logger } from "./core/logger.ts";
import { systemRandom } from "./core/random.ts";
import { handleConnection } from "./proxy/connection.ts";
import { Drains } from "./proxy/drains.ts";
import type { EdgeContext } from "./proxy/edge-context.ts";
import { Forwarder } from "./proxy/forward.ts";
import type { ServedPool } from "./proxy/served-pool.ts";
import { SessionsInUse, type KeptIn } from "./proxy/sessions-in-use.ts";
import { Tunnels } from "./proxy/tunnels.ts";
import { handleUpgrade } from "./proxy/upgrade.ts";
import type { LiveBackend } from "./upstream/backend.ts";

/** Beyond the drain time: for the last closing handshakes. */
const SHUTDOWN_GRACE_MS = 6_000;
/** So long a start waits for discovery; after that, clients may come before backends are found. */
const FIRST_ANSWER_MS = 2_000;
const SECRET_BYTES = 32;

export interface EdgeOptions {
  /** Where the configuration's relative file names begin; the working directory by default. */
  readonly directory?: string;
  /** Silent by default. */
  readonly logger?: Logger;
}

/** A running edge. Whoever started it closes it. */
export interface Edge extends AsyncDisposable {
  /** `host:port` of each listener, in the order of the configuration. */
  readonly addresses: readonly string[];
  readonly adminAddress: string | undefined;
  /** The backends of a pool as they are now; empty for an unknown pool. */
  backends(pool: string): readonly Backend[];
  /**
   * Replaces the backends of a pool that the configuration names, as when an own discovery has found
   * others. Those that stay keep their tunnels and sessions; those that leave are drained.
   *
   * @throws ConfigError when a backend is not valid, or there is no such pool
   */
  setBackends(pool: string, backends: readonly BackendInput[]): void;
  /**
   * Replaces the configuration, whole or not at all. Tunnels go on; backends and pools that are not
   * in it any more are drained. `workers` stays as it was at the start.
   *
   * @throws ConfigError when the configuration is not valid; nothing has changed then
   * @throws StartError when an address or a file can't be used; nothing has changed then
   */
  reload(config: EdgeConfigInput): Promise<void>;
  /** The same for a configuration that was checked already. */
  reloadConfigured(config: EdgeConfig): Promise<void>;
  /** Empties a backend: nothing new goes there, its tunnels are closed a few at a time. */
  drain(pool: string, backend: string): boolean;
  /**
   * Lets a backend take sessions again.
   *
   * @returns false when there is no such backend, as `drain` does
   */
  undrain(pool: string, backend: string): boolean;
  /** Pools and backends as the admin API tells of them. */
  status(): PoolStatus[];
  /** As Prometheus reads them, to be merged with those of other processes. */
  metrics(): Promise<MetricObjectWithValues<MetricValue<string>>[]>;
  /**
   * Accepts nothing more, tells clients Close 1001 spread over the pools' drain time, waits for
   * requests under way, then frees everything. Calling it again waits for the same end.
   */
  close(): Promise<void>;
  /** Ends everything at once. */
  destroy(): Promise<void>;
}

/**
 * Starts an edge from a configuration as a program writes it, by the names of the file.
 *
 * @throws ConfigError when the configuration is not valid
 * @throws StartError when an address or a file can't be used
 */
export async function startEdge(config: EdgeConfigInput, options: EdgeOptions = {}): Promise<Edge> {
  return startConfigured(checkConfig(config), options);
}

/** The same for a configuration that was checked already. */
export async function startConfigured(
  config: EdgeConfig,
  options: EdgeOptions = {},
): Promise<Edge> {
  const { directory = ".", logger = silentLogger } = options;
  const services = { directory, logger, clock: systemClock, random: systemRandom };
  const store = await LiveStore.open(config.sessions, services);
  const edge = new RunningEdge(config, store, services);
  try {
    await edge.start();
  } catch (error) {
    await edge.destroy();
    throw error;
  }
  return edge;
}

class RunningEdge implements Edge {
  adminAddress: string | undefined;
  #config: EdgeConfig;
  readonly #store: LiveStore;
  readonly #services: Services;
  readonly #registry = new Registry();
  readonly #tunnels = new Tunnels(systemClock);
  readonly #sessionsInUse: SessionsInUse;
  readonly #observer: EdgeMetrics;
  readonly #drains: Drains;
  readonly #pools: LivePools;
  readonly #context: EdgeContext;
  readonly #forwarder: Forwarder;
  readonly #listeners: LiveListeners;
  #admin: AdminServer | undefined;
  #isClosing = false;
  #reloading: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #destroying: Promise<void> | undefined;

  /** @param store owned by the edge from here on */
  constructor(config: EdgeConfig, store: LiveStore, services: Services) {
    this.#config = config;
    this.#store = store;
    this.#services = services;
    const { clock, logger, random } = services;
    const tunnels = this.#tunnels;
    const served = (): ReadonlyMap<string, ServedPool> => this.#pools.served;
    this.#observer = createMetrics(this.#registry, {
      ...{ pools: served, tunnels },
      sources: () => this.#pools.sources(),
    });
    const observer = this.#observer;
    this.#sessionsInUse = new SessionsInUse({ ...store.keptIn, clock, observer });
    this.#drains = new Drains({ tunnels, clock, logger });
    const madeUpSecret = random.bytes(SECRET_BYTES).toString("base64url");
    this.#pools = new LivePools(madeUpSecret, { ...services, drains: this.#drains, observer });
    this.#context = this.#makeContext();
    this.#forwarder = new Forwarder(this.#context);
    this.#listeners = new LiveListeners({
      ...services,
      onRequest: (arrival) => void this.#forwarder.handle(arrival),
      onUpgrade: (arrival) => void handleUpgrade(this.#context, arrival),
      onConnection: (arrival) => void handleConnection(this.#context, arrival),
    });
  }

  async start(): Promise<void> {
    if (this.#config.secret === undefined) {
      this.#services.logger.warn(
        "no secret is configured: sessions and issued cookies end with this process",
      );
    }
    const pools = await this.#pools.prepare(this.#config);
    await pools.commit();
    await this.#pools.sourcesSpoke(FIRST_ANSWER_MS);
    const listeners = await this.#listeners.prepare(this.#config.listeners);
    try {
      await this.#openAdmin(this.#config.admin);
    } catch (error) {
      listeners.discard();
      throw error;
    }
    await listeners.commit();
  }

  get addresses(): readonly string[] {
    return this.#listeners.addresses;
  }

  backends(pool: string): readonly Backend[] {
    return this.#pools.served.get(pool)?.pool.backends ?? [];
  }

  setBackends(pool: string, backends: readonly BackendInput[]): void {
    const checked = checkBackends(this.#config, pool, backends);
    this.#pools.byName(pool)?.replaceStatic(checked);
  }

  async reload(config: EdgeConfigInput): Promise<void> {
    await this.reloadConfigured(checkConfig(config));
  }

  reloadConfigured(config: EdgeConfig): Promise<void> {
    // One after the other: each is held against what the one before has left.
    const done = this.#reloading.then(() => this.#replace(config));
    this.#reloading = done.catch(() => undefined);
    return done;
  }

  drain(pool: string, backend: string): boolean {
    return this.#withBackend(pool, backend, (served, found) => {
      this.#drains.begin(served, found, "operator");
    });
  }

  undrain(pool: string, backend: string): boolean {
    return this.#withBackend(pool, backend, (served, found) => {
      this.#drains.end(served, found, "operator");
    });
  }

  status(): PoolStatus[] {
    const { clock } = this.#services;
    return [...this.#pools.served.values()].map((served) =>
      poolStatus(served, this.#drains, clock.nowMs()),
    );
  }

  metrics(): Promise<MetricObjectWithValues<MetricValue<string>>[]> {
    return this.#registry.getMetricsAsJSON();
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  destroy(): Promise<void> {
    this.#destroying ??= this.#free();
    return this.#destroying;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #makeContext(): EdgeContext {
    const config = (): EdgeConfig => this.#config;
    const live = this.#store;
    const served = (): ReadonlyMap<string, ServedPool> => this.#pools.served;
    return {
      ...{ ...this.#services, tunnels: this.#tunnels, observer: this.#observer },
      sessionsInUse: this.#sessionsInUse,
      isClosing: () => this.#isClosing,
      get routes() {
        return config().routes;
      },
      get pools() {
        return served();
      },
      get store() {
        return live.store;
      },
      get storeDeadlineMs() {
        return live.deadlineMs;
      },
    };
  }

  /** All parts are made before the first is used: one that fails leaves everything as it was. */
  async #replace(config: EdgeConfig): Promise<void> {
    if (this.#isClosing) return;
    const before = this.#config;
    const prepared: Prepared[] = [];
    try {
      const follow = (keptIn: KeptIn): void => this.#sessionsInUse.keepIn(keptIn);
      prepared.push(await this.#store.prepare(config.sessions, follow));
      prepared.push(await this.#pools.prepare(config));
      prepared.push(await this.#listeners.prepare(config.listeners));
    } catch (error) {
      for (const part of prepared) part.discard();
      throw error;
    }
    this.#config = config;
    // All change in the same turn of the event loop; closing what was before may take longer.
    await Promise.all(prepared.map(async (part) => part.commit()));
    if (!isDeepStrictEqual(config.admin, before.admin)) await this.#reopenAdmin(config);
    if (config.workers !== before.workers) {
      this.#services.logger.warn("the number of workers changes at the next start");
    }
    this.#services.logger.info("configuration reloaded");
  }

  async #openAdmin(options: EdgeConfig["admin"]): Promise<void> {
    if (options === undefined) return;
    const { address, token } = options;
    this.#admin = new AdminServer({ address, token, source: this.#adminSource() });
    this.adminAddress = await this.#admin.listen();
    this.#services.logger.info("admin listening", { address: this.adminAddress });
  }

  async #reopenAdmin({ admin }: EdgeConfig): Promise<void> {
    await this.#admin?.close();
    this.adminAddress = undefined;
    await this.#openAdmin(admin).catch((error: unknown) => {
      this.#services.logger.error("cannot serve admin", { cause: describeError(error) });
    });
  }

  #adminSource(): AdminSource {
    return {
      contentType: this.#registry.contentType,
      metrics: () => this.#registry.metrics(),
      isReady: () => !this.#isClosing,
      pools: () => this.status(),
      drain: (pool, backend) => this.drain(pool, backend),
      undrain: (pool, backend) => this.undrain(pool, backend),
    };
  }

  #withBackend(
    pool: string,
    id: string,
    act: (served: ServedPool, backend: LiveBackend) => void,
  ): boolean {
    const served = this.#pools.served.get(pool);
    const backend = served?.pool.byId(id);
    if (served === undefined || backend === undefined) return false;
    act(served, backend);
    return true;
  }

  async #shutDown(): Promise<void> {
    this.#isClosing = true;
    await this.#reloading;
    const { clock, logger } = this.#services;
    const drainMs = Math.max(0, ...[...this.#pools.served.values()].map((one) => one.drain.overMs));
    logger.info("shutting down", { tunnels: this.#tunnels.size, drainMs });
    const ended = Promise.all([this.#tunnels.shutDown(), this.#listeners.stop()]);
    await new Promise<void>((resolve, reject) => {
      const deadline = clock.after(drainMs + SHUTDOWN_GRACE_MS, resolve);
      ended.finally(() => deadline.cancel()).then(() => resolve(), reject);
    });
    await this.destroy();
    logger.info("shut down");
  }

  async #free(): Promise<void> {
    this.#isClosing = true;
    await this.#reloading;
    this.#tunnels.destroy();
    this.#forwarder.close();
    await this.#listeners.destroy();
    await this.#admin?.close();
    this.#sessionsInUse[Symbol.dispose]();
    await this.#pools[Symbol.asyncDispose]();
    this.#drains[Symbol.dispose]();
    await this.#store[Symbol.asyncDispose]();
  }
}
