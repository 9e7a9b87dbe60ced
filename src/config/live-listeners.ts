import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describeError } from "../core/errors.ts";
import { formatAddress } from "../core/listen.ts";
import { readTextFile } from "../core/read-text-file.ts";
import { Certificates } from "../proxy/certificates.ts";
import type { ConnectionArrival } from "../proxy/connection.ts";
import type { RequestArrival } from "../proxy/forward.ts";
import { Listener } from "../proxy/listener.ts";
import type { ListenerTls } from "../proxy/listener-tls.ts";
import { TcpListener } from "../proxy/tcp-listener.ts";
import { TrustedProxies } from "../proxy/trusted-proxies.ts";
import type { UpgradeArrival } from "../proxy/upgrade.ts";
import type { Prepared } from "./live-pools.ts";
import type { Services } from "./open-redis.ts";
import type { EdgeConfig } from "./schema.ts";

type ListenerConfig = EdgeConfig["listeners"][number];

export interface LiveListenersContext extends Pick<Services, "directory" | "logger" | "clock"> {
  readonly onRequest: (arrival: RequestArrival) => void;
  readonly onUpgrade: (arrival: UpgradeArrival) => void;
  readonly onConnection: (arrival: ConnectionArrival) => void;
}

interface Live {
  readonly config: ListenerConfig;
  readonly tls: ListenerTls | undefined;
  readonly listener: Listener | TcpListener;
  /** With the port that the system chose. */
  readonly address: string;
}

/** What becomes of one configured address at a reload. */
interface Plan {
  readonly config: ListenerConfig;
  readonly tls: ListenerTls | undefined;
  readonly before: Live | undefined;
  /** Listens already; undefined when `before` goes on or has to make room first. */
  readonly opened: Live | undefined;
}

/** The addresses that the edge listens at now. Owns the listeners and their certificates. */
export class LiveListeners {
  readonly #context: LiveListenersContext;
  #live: ReadonlyMap<string, Live> = new Map();
  /** They accept nothing more, and end with their last connection. */
  readonly #stopping = new Set<Listener | TcpListener>();

  constructor(context: LiveListenersContext) {
    this.#context = context;
  }

  /** In the order of the configuration. */
  get addresses(): readonly string[] {
    return [...this.#live.values()].map(({ address }) => address);
  }

  /**
   * New addresses listen from here on.
   *
   * @throws StartError when an address or a certificate can't be used; nothing has changed then
   */
  async prepare(configs: readonly ListenerConfig[]): Promise<Prepared> {
    const plans = new Map<string, Plan>();
    const discard = (): void => {
      for (const { opened, tls, before } of plans.values()) {
        if (opened !== undefined) void opened.listener.destroy();
        else if (tls !== before?.tls) tls?.certificates[Symbol.dispose]();
      }
    };
    try {
      for (const config of configs) {
        const key = keyFor(config, plans);
        plans.set(key, await this.#plan(config, this.#live.get(key)));
      }
    } catch (error) {
      discard();
      throw error;
    }
    return { commit: () => this.#commit(plans), discard };
  }

  /** Accepts nothing more. Resolves when the last connection, tunnels included, is closed. */
  async stop(): Promise<void> {
    await Promise.all(this.#all().map((listener) => listener.stop()));
  }

  /** Ends all connections at once. */
  async destroy(): Promise<void> {
    await Promise.all(this.#all().map((listener) => listener.destroy()));
  }

  #all(): (Listener | TcpListener)[] {
    return [...[...this.#live.values()].map(({ listener }) => listener), ...this.#stopping];
  }

  async #plan(config: ListenerConfig, before: Live | undefined): Promise<Plan> {
    const isSameTls = before !== undefined && isDeepStrictEqual(before.config.tls, config.tls);
    const tls = isSameTls ? before.tls : await this.#loadTls(config);
    const plan = { config, tls, before };
    if (before !== undefined) return { ...plan, opened: undefined };
    try {
      return { ...plan, opened: await this.#open(config, tls) };
    } catch (error) {
      tls?.certificates[Symbol.dispose]();
      throw error;
    }
  }

  async #commit(plans: ReadonlyMap<string, Plan>): Promise<void> {
    const before = this.#live;
    const next = new Map<string, Live>();
    const unfit = new Map<string, Plan>();
    for (const [key, plan] of plans) {
      const live = plan.opened ?? adopted(plan);
      if (live === undefined) unfit.set(key, plan);
      else next.set(key, live);
    }
    for (const [key, { listener, address }] of before) {
      if (next.has(key)) continue;
      this.#stopping.add(listener);
      void listener.stop().then(() => this.#stopping.delete(listener));
      this.#context.logger.info("not listening any more", { address });
    }
    for (const [key, { config, tls, before: closed }] of unfit) {
      try {
        // The certificates of the listener that has closed are not watched any more.
        const fresh = tls === closed?.tls ? await this.#loadTls(config) : tls;
        next.set(key, await this.#open(config, fresh));
      } catch (error) {
        this.#context.logger.error("cannot listen again", { cause: describeError(error) });
      }
    }
    this.#live = new Map([...plans.keys()].flatMap((key) => entryOf(next, key)));
    for (const [key, { address }] of this.#live) {
      const known = before.get(key)?.address === address && !unfit.has(key);
      if (!known) this.#context.logger.info("listening", { address });
    }
  }

  async #open(config: ListenerConfig, tls: ListenerTls | undefined): Promise<Live> {
    const { logger, clock, onRequest, onUpgrade, onConnection } = this.#context;
    const common = {
      ...rulesOf(config, tls),
      ...{ address: config.address, clock },
      onError: (error: Error) => logger.error("accept failed", { cause: describeError(error) }),
      onMissingHeader: (peer: string) =>
        logger.warn("no PROXY header from a trusted peer", { peer }),
    };
    const listener =
      config.mode === "tcp"
        ? new TcpListener({ ...common, onConnection })
        : new Listener({ ...common, onRequest, onUpgrade });
    return { config, tls, listener, address: await listener.listen() };
  }

  async #loadTls({ tls }: ListenerConfig): Promise<ListenerTls | undefined> {
    if (tls === undefined) return undefined;
    const { directory, logger } = this.#context;
    const { minVersion, clientCa, certificates } = tls;
    const [first, ...others] = certificates.map(({ cert, key }) => ({
      cert: resolve(directory, cert),
      key: resolve(directory, key),
    }));
    const ca =
      clientCa === undefined ? undefined : await readTextFile(resolve(directory, clientCa));
    if (first === undefined) throw new TypeError("a checked configuration has a certificate");
    const secure = { minVersion, ...(ca !== undefined && { ca }) };
    return {
      certificates: await Certificates.load({ files: [first, ...others], secure, logger }),
      verifyClients: ca !== undefined,
    };
  }
}

function rulesOf(config: ListenerConfig, tls: ListenerTls | undefined) {
  const { pool, sni, proxyProtocol, trustedProxies } = config;
  return { pool, sni, proxyProtocol, trustedProxies: new TrustedProxies(trustedProxies), tls };
}

/** @returns undefined when the listener can't serve by its new configuration */
function adopted({ config, tls, before }: Plan): Live | undefined {
  if (before === undefined || before.config.mode !== config.mode) return undefined;
  return before.listener.adopt(rulesOf(config, tls)) ? { ...before, config, tls } : undefined;
}

/** Several may ask the system for a port of its choice: they are told apart by their order. */
function keyFor({ address }: ListenerConfig, taken: ReadonlyMap<string, unknown>): string {
  const text = formatAddress(address);
  let key = text;
  for (let i = 2; taken.has(key); i++) key = `${text} ${i}`;
  return key;
}

function entryOf<V>(map: ReadonlyMap<string, V>, key: string): [string, V][] {
  const value = map.get(key);
  return value === undefined ? [] : [[key, value]];
}
