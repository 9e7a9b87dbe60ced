import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Members, type SourceStatus } from "../discovery/members.ts";
import type { DiscoverySource } from "../discovery/discovery-source.ts";
import { HealthChecks } from "../health/health-checks.ts";
import { probes } from "../health/index.ts";
import { readTextFile } from "../core/read-text-file.ts";
import type { Drains } from "../proxy/drains.ts";
import type { FleetObserver } from "../proxy/observer.ts";
import type { ServedPool } from "../proxy/served-pool.ts";
import { Pool, type PoolChange } from "../upstream/pool.ts";
import { backendOptions } from "./check.ts";
import { openDiscovery } from "./open-discovery.ts";
import type { Services } from "./open-redis.ts";
import type { EdgeConfig } from "./schema.ts";
import { closeServed, servePool, type PoolConfig, type PoolSecrets } from "./serve-pool.ts";

export interface LivePoolContext extends Services {
  readonly drains: Drains;
  readonly observer: FleetObserver;
  /** Only looks: checks nobody. */
  readonly isPassive?: boolean;
}

interface LivePoolParts {
  readonly sources: readonly DiscoverySource[];
  readonly context: LivePoolContext;
}

/** All that a pool is made from; equal recipes make equal pools. */
interface Recipe {
  readonly options: PoolConfig;
  readonly secrets: PoolSecrets;
  readonly ca: string | undefined;
  /** Of Redis, where backends announce themselves in the store's. */
  readonly sessions: EdgeConfig["sessions"] | undefined;
}

/**
 * A pool with what looks after it: its membership, its checks, its drains. A reload that changes its
 * configuration makes another one around the same backends.
 */
export class LivePool {
  readonly served: ServedPool;
  readonly #recipe: Recipe;
  readonly #context: LivePoolContext;
  readonly #members: Members;
  #stopListening: (() => void) | undefined;
  #health: HealthChecks | undefined;

  private constructor(recipe: Recipe, served: ServedPool, parts: LivePoolParts) {
    this.#recipe = recipe;
    this.served = served;
    this.#context = parts.context;
    const { drains, logger } = parts.context;
    this.#members = new Members({
      ...{ pool: served.pool, sources: parts.sources, logger },
      onDraining: (backend, isDraining) => {
        if (isDraining) drains.begin(served, backend, "announced");
        else drains.end(served, backend, "announced");
      },
    });
  }

  /**
   * @param step `before`: what serves under this name now; it is returned when nothing has changed
   * @throws StartError when a file that the pool needs can't be used
   */
  static async prepare(
    step: {
      readonly name: string;
      readonly config: EdgeConfig;
      readonly options: PoolConfig;
      readonly secrets: PoolSecrets;
      readonly before: LivePool | undefined;
    },
    context: LivePoolContext,
  ): Promise<LivePool> {
    const { name, config, options, secrets, before } = step;
    const { directory } = context;
    const file = options.tls.ca;
    const ca = file === undefined ? undefined : await readTextFile(resolve(directory, file));
    const sessions = options.discovery?.redis === true ? config.sessions : undefined;
    const recipe = { options, secrets, ca, sessions };
    if (before !== undefined && isDeepStrictEqual(before.#recipe, recipe)) return before;
    const isHttp = options.backends.every(({ url }) => url.mode !== "tcp");
    const served = await servePool(options, {
      ...context,
      ...secrets,
      pool: before?.served.pool ?? new Pool(name, options.backends.map(backendOptions)),
      tls: { ...(ca !== undefined && { ca }), ...(isHttp && { ALPNProtocols: ["http/1.1"] }) },
      onEjected: () => context.observer.ejected(name),
    });
    const sources = await openDiscovery(name, config, context).catch((error: unknown) => {
      closeServed(served);
      throw error;
    });
    return new LivePool(recipe, served, { sources, context });
  }

  /** Takes its backends over from whoever looked after them before. */
  start(): void {
    this.#stopListening = this.served.pool.onChange((change) => this.#changed(change));
    this.#members.start(this.#recipe.options.backends.map(backendOptions));
    if (this.#context.isPassive !== true) this.#health = this.#startHealth();
  }

  /** The backends that are named one by one, from now on. */
  replaceStatic(backends: Parameters<Pool["replace"]>[0]): void {
    this.#members.replaceStatic(backends);
  }

  /** Resolves when each source of backends has answered or failed once. */
  get allSourcesSpoke(): Promise<void> {
    return this.#members.allSpoke;
  }

  get sources(): SourceStatus[] {
    return this.#members.sources;
  }

  /** The pool is in the configuration no more: all of its backends are drained. */
  async remove(): Promise<void> {
    this.served.pool.replace([]);
    await this.close();
  }

  /** Releases all but the backends, which another may have taken over. */
  async close(): Promise<void> {
    this.#stopListening?.();
    this.#health?.[Symbol.dispose]();
    closeServed(this.served);
    await this.#members[Symbol.asyncDispose]();
  }

  #startHealth(): HealthChecks | undefined {
    const { health, slowStart } = this.#recipe.options;
    const { pool, tls } = this.served;
    if (health === undefined) {
      // What earlier checks found is not kept up any more.
      for (const backend of pool.backends) backend.health = "unknown";
      return undefined;
    }
    const { clock, random, logger, observer } = this.#context;
    return new HealthChecks({
      ...{ pool, tls, clock, random, logger },
      probe: probes[health.kind],
      path: health.path,
      everyMs: health.every,
      timeoutMs: health.timeout,
      unhealthyAfter: health.unhealthyAfter,
      healthyAfter: health.healthyAfter,
      onChecked: (_, cause) => observer.healthChecked(pool.name, cause),
      onRecovered: (backend) => backend.startSlowly(clock.nowMs(), slowStart),
    });
  }

  #changed({ joined, left }: PoolChange): void {
    const { drains, clock } = this.#context;
    for (const backend of joined) {
      if (backend.isDraining) drains.end(this.served, backend, "left");
      else backend.startSlowly(clock.nowMs(), this.served.slowStartMs);
    }
    for (const backend of left) drains.begin(this.served, backend, "left");
  }
}
