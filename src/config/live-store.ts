import { isDeepStrictEqual } from "node:util";
import type { KeptIn } from "../proxy/sessions-in-use.ts";
import type { SessionStore } from "../session/session-store.ts";
import type { Prepared } from "./live-pools.ts";
import type { Services } from "./open-redis.ts";
import { openStore } from "./open-store.ts";
import type { EdgeConfig } from "./schema.ts";

type SessionsConfig = EdgeConfig["sessions"];

/** Touches of an open session within its time to live: one may be late without harm. */
const TOUCHES_PER_TTL = 3;

/** The session store as the configuration has it now. Owns it. */
export class LiveStore implements AsyncDisposable {
  readonly #services: Services;
  #config: SessionsConfig;
  #store: SessionStore;

  private constructor(config: SessionsConfig, store: SessionStore, services: Services) {
    this.#config = config;
    this.#store = store;
    this.#services = services;
  }

  /** @throws StartError when a file that it needs can't be used */
  static async open(config: SessionsConfig, services: Services): Promise<LiveStore> {
    return new LiveStore(config, await openStore(config, services), services);
  }

  get store(): SessionStore {
    return this.#store;
  }

  /** How long one request may wait for it. */
  get deadlineMs(): number {
    return this.#config.store === "redis" ? this.#config.deadline : Infinity;
  }

  /** Where, and in which rhythm, the sessions in use are kept alive. */
  get keptIn(): KeptIn {
    const { ttl, grace = ttl } = this.#config;
    // A binding that is kept only briefly after a use has to be refreshed as often.
    const shortestMs = grace > 0 ? Math.min(ttl, grace) : ttl;
    return { store: this.#store, touchEveryMs: shortestMs / TOUCHES_PER_TTL };
  }

  /**
   * @param onCommit called when the new store is in place, before the old one is closed
   * @throws StartError when a file that it needs can't be used; nothing has changed then
   */
  async prepare(config: SessionsConfig, onCommit: (keptIn: KeptIn) => void): Promise<Prepared> {
    if (isDeepStrictEqual(config, this.#config)) {
      return { commit: () => undefined, discard: () => undefined };
    }
    const store = await openStore(config, this.#services);
    return {
      commit: async () => {
        const before = this.#store;
        this.#store = store;
        this.#config = config;
        onCommit(this.keptIn);
        await before[Symbol.asyncDispose]();
      },
      discard: () => void store[Symbol.asyncDispose](),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}
