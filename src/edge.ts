import { resolve } from "node:path";
import { Registry } from "prom-client";
import { createMetrics } from "./admin/metrics.ts";
import { AdminServer } from "./admin/server.ts";
import { checkBackends, checkConfig, type BackendInput } from "./config/check.ts";
import { openStore } from "./config/open-store.ts";
import { secretsOf, type EdgeConfig, type EdgeConfigInput } from "./config/schema.ts";
import { servePools } from "./config/serve-pools.ts";
import type { Backend } from "./core/backend.ts";
import { systemClock } from "./core/clock.ts";
import { describeError } from "./core/errors.ts";
import { silentLogger, type Logger } from "./core/logger.ts";
import { systemRandom } from "./core/random.ts";
import { readTextFile } from "./core/read-text-file.ts";
import { Certificates } from "./proxy/certificates.ts";
import type { EdgeContext } from "./proxy/edge-context.ts";
import { Forwarder } from "./proxy/forward.ts";
import { handleConnection } from "./proxy/connection.ts";
import { Listener } from "./proxy/listener.ts";
import type { ListenerTls } from "./proxy/listener-tls.ts";
import { SessionsInUse } from "./proxy/sessions-in-use.ts";
import { TcpListener } from "./proxy/tcp-listener.ts";
import { TrustedProxies } from "./proxy/trusted-proxies.ts";
import { Tunnels } from "./proxy/tunnels.ts";
import { handleUpgrade } from "./proxy/upgrade.ts";

/** Beyond the drain time: for the last closing handshakes. */
const SHUTDOWN_GRACE_MS = 6_000;
const SECRET_BYTES = 32;
/** Touches of an open session within its time to live: one may be late without harm. */
const TOUCHES_PER_TTL = 3;

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
   * Replaces the backends of a pool, as when an own discovery has found others. Those that stay keep
   * their tunnels and sessions; tunnels to those that leave go on until they end.
   *
   * @throws ConfigError when a backend is not valid, or there is no such pool
   */
  setBackends(pool: string, backends: readonly BackendInput[]): void;
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
  const edge = new RunningEdge(config, await prepare(config, options));
  try {
    await edge.start(options.directory ?? ".");
  } catch (error) {
    await edge.destroy();
    throw error;
  }
  return edge;
}

type ListenerConfig = EdgeConfig["listeners"][number];

interface Life {
  isClosing: boolean;
}

interface Prepared {
  readonly context: EdgeContext;
  readonly registry: Registry;
  readonly life: Life;
}

/** Chooses the implementations and connects them. */
async function prepare(config: EdgeConfig, options: EdgeOptions): Promise<Prepared> {
  const life: Life = { isClosing: false };
  const [clock, random, logger] = [systemClock, systemRandom, options.logger ?? silentLogger];
  if (config.secret === undefined) {
    logger.warn("no secret is configured: sessions and issued cookies end with this process");
  }
  const made = random.bytes(SECRET_BYTES).toString("base64url");
  const [first = made, ...older] = secretsOf(config);
  const { sessions, routes } = config;
  const services = { directory: options.directory ?? ".", random, clock, logger };
  const store = await openStore(sessions, services);
  const pools = await servePools(config, { ...services, secrets: [first, ...older] }).catch(
    async (error: unknown) => {
      await store[Symbol.asyncDispose]();
      throw error;
    },
  );
  const tunnels = new Tunnels({
    clock,
    shortestIdleMs: Math.min(...[...pools.values()].map(({ timeouts }) => timeouts.idleMs)),
  });
  const registry = new Registry();
  const observer = createMetrics(registry, { pools, tunnels });
  // A binding that is kept only briefly after a use has to be refreshed as often.
  const { ttl, grace = ttl } = sessions;
  const shortestMs = grace > 0 ? Math.min(ttl, grace) : ttl;
  const sessionsInUse = new SessionsInUse({
    ...{ store, clock, observer },
    touchEveryMs: shortestMs / TOUCHES_PER_TTL,
  });
  return {
    context: {
      ...{ routes, pools, store, sessionsInUse, tunnels, observer, logger, clock, random },
      storeDeadlineMs: sessions.store === "redis" ? sessions.deadline : Infinity,
      isClosing: () => life.isClosing,
    },
    registry,
    life,
  };
}

class RunningEdge implements Edge {
  readonly addresses: string[] = [];
  adminAddress: string | undefined;
  readonly #config: EdgeConfig;
  readonly #context: EdgeContext;
  readonly #registry: Registry;
  readonly #life: Life;
  readonly #forwarder: Forwarder;
  readonly #listeners: (Listener | TcpListener)[] = [];
  #admin: AdminServer | undefined;
  #closing: Promise<void> | undefined;
  #destroying: Promise<void> | undefined;

  constructor(config: EdgeConfig, { context, registry, life }: Prepared) {
    this.#config = config;
    this.#context = context;
    this.#registry = registry;
    this.#life = life;
    this.#forwarder = new Forwarder(context);
  }

  async start(directory: string): Promise<void> {
    const config = this.#config;
    for (const options of config.listeners) {
      const listener = await this.#makeListener(options, directory);
      this.#listeners.push(listener);
      this.addresses.push(await listener.listen());
    }
    if (config.admin !== undefined) {
      this.#admin = new AdminServer({
        address: config.admin.address,
        registry: this.#registry,
        pools: this.#context.pools,
        ready: () => !this.#life.isClosing,
      });
      this.adminAddress = await this.#admin.listen();
      this.#context.logger.info("admin listening", { address: this.adminAddress });
    }
    for (const address of this.addresses) this.#context.logger.info("listening", { address });
  }

  backends(pool: string): readonly Backend[] {
    return this.#context.pools.get(pool)?.pool.backends ?? [];
  }

  setBackends(pool: string, backends: readonly BackendInput[]): void {
    const checked = checkBackends(this.#config, pool, backends);
    this.#context.pools.get(pool)?.pool.replace(checked);
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

  async #shutDown(): Promise<void> {
    this.#life.isClosing = true;
    const { tunnels, clock, logger, pools } = this.#context;
    const drainMs = Math.max(...[...pools.values()].map((served) => served.drainMs));
    logger.info("shutting down", { tunnels: tunnels.size, drainMs });
    const stopped = Promise.all(this.#listeners.map((listener) => listener.stop()));
    const ended = Promise.all([tunnels.shutDown(), stopped]);
    await new Promise<void>((resolve, reject) => {
      const deadline = clock.after(drainMs + SHUTDOWN_GRACE_MS, resolve);
      ended.finally(() => deadline.cancel()).then(() => resolve(), reject);
    });
    await this.destroy();
    logger.info("shut down");
  }

  async #free(): Promise<void> {
    this.#life.isClosing = true;
    this.#context.tunnels.destroy();
    this.#forwarder.close();
    await Promise.all(this.#listeners.map((listener) => listener.destroy()));
    await this.#admin?.close();
    this.#context.sessionsInUse[Symbol.dispose]();
    for (const { affinity } of this.#context.pools.values()) {
      for (const source of affinity) source.close?.();
    }
    await this.#context.store[Symbol.asyncDispose]();
  }

  async #makeListener(options: ListenerConfig, directory: string): Promise<Listener | TcpListener> {
    const { logger, clock } = this.#context;
    const { address, mode, pool, sni, proxyProtocol, tls } = options;
    const common = {
      ...{ address, proxyProtocol, clock },
      trustedProxies: new TrustedProxies(options.trustedProxies),
      tls: tls === undefined ? undefined : await this.#loadTls(tls, directory),
      onError: (error: Error) => logger.error("accept failed", { cause: describeError(error) }),
      onMissingHeader: (peer: string) =>
        logger.warn("no PROXY header from a trusted peer", { peer }),
    };
    if (mode === "tcp") {
      return new TcpListener({
        ...{ ...common, pool, sni },
        onConnection: (arrival) => void handleConnection(this.#context, arrival),
      });
    }
    return new Listener({
      ...common,
      onRequest: (arrival) => void this.#forwarder.handle(arrival),
      onUpgrade: (arrival) => void handleUpgrade(this.#context, arrival),
    });
  }

  async #loadTls(tls: NonNullable<ListenerConfig["tls"]>, directory: string): Promise<ListenerTls> {
    const { minVersion, clientCa, certificates } = tls;
    const [first, ...others] = certificates.map(({ cert, key }) => ({
      cert: resolve(directory, cert),
      key: resolve(directory, key),
    }));
    const ca =
      clientCa === undefined ? undefined : await readTextFile(resolve(directory, clientCa));
    if (first === undefined) throw new TypeError("a checked configuration has a certificate");
    return {
      certificates: await Certificates.load({
        files: [first, ...others],
        secure: { minVersion, ...(ca !== undefined && { ca }) },
        logger: this.#context.logger,
      }),
      verifyClients: ca !== undefined,
    };
  }
}
