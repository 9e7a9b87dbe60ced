import { Drains } from "../proxy/drains.ts";
import type { RequestHead } from "../proxy/request.ts";
import { Tunnels } from "../proxy/tunnels.ts";
import type { SessionStore } from "../session/session-store.ts";
import { explain, type Explanation } from "./explain.ts";
import { LivePools } from "./live-pools.ts";
import type { Services } from "./open-redis.ts";
import { openStore } from "./open-store.ts";
import type { EdgeConfig } from "./schema.ts";

const UNSTABLE_SECRET = "not configured";
/** Who asks for an explanation can wait longer than a client. */
const PATIENCE_MS = 1_000;

const observer = {
  storeAnswered: () => undefined,
  storeFailed: () => undefined,
  ejected: () => undefined,
  healthChecked: () => undefined,
};

/** The parts of an edge that decide, without those that listen or check. */
export class Explainer implements AsyncDisposable {
  readonly #config: EdgeConfig;
  readonly #services: Services;
  readonly #store: SessionStore;
  readonly #drains: Drains;
  readonly #pools: LivePools;

  private constructor(config: EdgeConfig, services: Services, store: SessionStore) {
    this.#config = config;
    this.#services = services;
    this.#store = store;
    this.#drains = new Drains({ ...services, tunnels: new Tunnels(services.clock) });
    const context = { ...services, observer, drains: this.#drains, isPassive: true };
    this.#pools = new LivePools(UNSTABLE_SECRET, context);
  }

  /** @throws StartError when a file that the configuration names can't be used */
  static async open(config: EdgeConfig, services: Services): Promise<Explainer> {
    const store = await openStore(config.sessions, services);
    const explainer = new Explainer(config, services, store);
    try {
      const pools = await explainer.#pools.prepare(config);
      await pools.commit();
      await explainer.#pools.sourcesSpoke(PATIENCE_MS);
    } catch (error) {
      await explainer[Symbol.asyncDispose]();
      throw error;
    }
    return explainer;
  }

  /** What this request would get now. @param client whose address and encryption are assumed */
  explain(
    head: RequestHead,
    client: { readonly ip: string; readonly secure: boolean },
  ): Promise<Explanation> {
    const context = {
      ...{ routes: this.#config.routes, pools: this.#pools.served, store: this.#store, observer },
      ...{ clock: this.#services.clock, random: this.#services.random },
      storeDeadlineMs: PATIENCE_MS,
    };
    return explain(context, head, client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pools[Symbol.asyncDispose]();
    this.#drains[Symbol.dispose]();
    await this.#store[Symbol.asyncDispose]();
  }
}
