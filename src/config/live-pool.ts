import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { readTextFile } from "../core/read-text-file.ts";
import type { Drains } from "../proxy/drains.ts";
import type { FleetObserver } from "../proxy/observer.ts";
import type { ServedPool } from "../proxy/served-pool.ts";
import { Pool, type PoolChange } from "../upstream/pool.ts";
import { backendOptions } from "./check.ts";
import type { Services } from "./open-redis.ts";
import { closeServed, servePool, type PoolConfig, type PoolSecrets } from "./serve-pool.ts";

export interface LivePoolContext extends Services {
  readonly drains: Drains;
  readonly observer: FleetObserver;
}

/** All that a pool is made from; equal recipes make equal pools. */
interface Recipe {
  readonly options: PoolConfig;
  readonly secrets: PoolSecrets;
  readonly ca: string | undefined;
}

/**
 * A pool with what looks after it: its membership, its checks, its drains. A reload that changes its
 * configuration makes another one around the same backends.
 */
export class LivePool {
  readonly served: ServedPool;
  readonly #recipe: Recipe;
  readonly #context: LivePoolContext;
  #stopListening: (() => void) | undefined;

  private constructor(recipe: Recipe, served: ServedPool, context: LivePoolContext) {
    this.#recipe = recipe;
    this.served = served;
    this.#context = context;
  }

  /**
   * @param step `before`: what serves under this name now; it is returned when nothing has changed
   * @throws StartError when a file that the pool needs can't be used
   */
  static async prepare(
    step: {
      readonly name: string;
      readonly options: PoolConfig;
      readonly secrets: PoolSecrets;
      readonly before: LivePool | undefined;
    },
    context: LivePoolContext,
  ): Promise<LivePool> {
    const { name, options, secrets, before } = step;
    const { directory } = context;
    const file = options.tls.ca;
    const ca = file === undefined ? undefined : await readTextFile(resolve(directory, file));
    const recipe = { options, secrets, ca };
    if (before !== undefined && isDeepStrictEqual(before.#recipe, recipe)) return before;
    const isHttp = options.backends.every(({ url }) => url.mode !== "tcp");
    const served = await servePool(options, {
      ...context,
      ...secrets,
      pool: before?.served.pool ?? new Pool(name, options.backends.map(backendOptions)),
      tls: { ...(ca !== undefined && { ca }), ...(isHttp && { ALPNProtocols: ["http/1.1"] }) },
      onEjected: () => context.observer.ejected(name),
    });
    return new LivePool(recipe, served, context);
  }

  /** Takes its backends over from whoever looked after them before. */
  start(): void {
    this.#stopListening = this.served.pool.onChange((change) => this.#changed(change));
    this.replaceStatic(this.#recipe.options.backends.map(backendOptions));
  }

  /** The backends that are named one by one, from now on. */
  replaceStatic(backends: Parameters<Pool["replace"]>[0]): void {
    this.served.pool.replace(backends);
  }

  /** The pool is in the configuration no more: all of its backends are drained. */
  remove(): void {
    this.served.pool.replace([]);
    this.close();
  }

  /** Releases all but the backends, which another may have taken over. */
  close(): void {
    this.#stopListening?.();
    closeServed(this.served);
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
