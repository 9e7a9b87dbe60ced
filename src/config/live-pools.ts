import type { ServedPool } from "../proxy/served-pool.ts";
import { secretsOf, type EdgeConfig } from "./schema.ts";
import { LivePool, type LivePoolContext } from "./live-pool.ts";

/** Changes that are ready to be made, all of them at once, or none. */
export interface Prepared {
  commit(): void | Promise<void>;
  discard(): void;
}

/** The pools as the configuration has them now. Owns all that looks after them. */
export class LivePools implements Disposable {
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
        next.set(name, await LivePool.prepare({ name, options, secrets, before }, this.#context));
      }
    } catch (error) {
      this.#discard(next);
      throw error;
    }
    return { commit: () => this.#commit(next), discard: () => this.#discard(next) };
  }

  [Symbol.dispose](): void {
    for (const pool of this.#live.values()) pool.close();
  }

  #commit(next: ReadonlyMap<string, LivePool>): void {
    const before = this.#live;
    this.#live = next;
    this.#served = new Map([...next].map(([name, { served }]) => [name, served]));
    for (const [name, pool] of before) {
      const follower = next.get(name);
      if (follower === undefined) pool.remove();
      else if (follower !== pool) pool.close();
    }
    for (const [name, pool] of next) if (before.get(name) !== pool) pool.start();
  }

  #discard(next: ReadonlyMap<string, LivePool>): void {
    for (const [name, pool] of next) if (this.#live.get(name) !== pool) pool.close();
  }
}
