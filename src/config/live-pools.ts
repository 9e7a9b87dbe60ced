import type { ServedPool } from "../proxy/served-pool.ts";
import type { SourceStatus } from "../discovery/members.ts";
import { secretsOf, type EdgeConfig } from "./schema.ts";
import { LivePool, type LivePoolContext } from "./live-pool.ts";

/** Changes that are ready to be made, all of them at once, or none. */
export interface Prepared {
  /** Changes at once; resolves when what was before is closed. */
  commit(): void | Promise<void>;
  discard(): void;
}

/** The pools as the configuration has them now. Owns all that looks after them. */
export class LivePools implements AsyncDisposable {
  readonly #context: LivePoolContext;
  #live: ReadonlyMap<string, LivePool> = new Map();
  #served: ReadonlyMap<string, ServedPool> = new Map();
  /** Signs when no secret is configured: until this process ends. */
  readonly #madeUpSecret: string;

  constructor(madeUpSecret: string, context: LivePoolContext) {
    this.#madeUpSecret = madeUpSecret;
    this.#context = context;
  }

  get served(): ReadonlyMap<string, ServedPool> {
    return this.#served;
  }

  byName(pool: string): LivePool | undefined {
    return this.#live.get(pool);
  }

  /** @throws StartError when a file that a pool needs can't be used; nothing has changed then */
  async prepare(config: EdgeConfig): Promise<Prepared> {
    const [first = this.#madeUpSecret, ...older] = secretsOf(config);
    const secrets = {
      secrets: [first, ...older] as const,
      // The last, so that a new secret can be put before it without moving a session.
      sessionKey: config.sessions.secret ?? older.at(-1) ?? first,
    };
    const next = new Map<string, LivePool>();
    try {
      for (const [name, options] of Object.entries(config.pools)) {
        const before = this.#live.get(name);
        next.set(
          name,
          await LivePool.prepare({ name, config, options, secrets, before }, this.#context),
        );
      }
    } catch (error) {
      this.#discard(next);
      throw error;
    }
    return { commit: () => this.#commit(next), discard: () => this.#discard(next) };
  }

  /** Resolves when each source of backends has answered or failed once, or the patience ends. */
  async sourcesSpoke(patienceMs: number): Promise<void> {
    const all = Promise.all([...this.#live.values()].map((pool) => pool.allSourcesSpoke));
    await new Promise<void>((resolve) => {
      const late = this.#context.clock.after(patienceMs, resolve);
      void all.then(() => {
        late.cancel();
        resolve();
      });
    });
  }

  /** The sources of backends that all pools have. */
  *sources(): Generator<SourceStatus & { readonly pool: string }> {
    for (const [pool, { sources }] of this.#live) {
      for (const source of sources) yield { pool, ...source };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#live.values()].map((pool) => pool.close()));
  }

  async #commit(next: ReadonlyMap<string, LivePool>): Promise<void> {
    const before = this.#live;
    this.#live = next;
    this.#served = new Map([...next].map(([name, { served }]) => [name, served]));
    const closed = [...before].flatMap(([name, pool]) => {
      const follower = next.get(name);
      if (follower === undefined) return pool.remove();
      return follower === pool ? [] : pool.close();
    });
    for (const [name, pool] of next) if (before.get(name) !== pool) pool.start();
    await Promise.all(closed);
  }

  #discard(next: ReadonlyMap<string, LivePool>): void {
    for (const [name, pool] of next) if (this.#live.get(name) !== pool) void pool.close();
  }
}
