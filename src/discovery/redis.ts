import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import { announcementKeys, LEASE_MS } from "../redis/announcement-keys.ts";
import type { RedisConnection } from "../redis/connection.ts";
import { loadScript } from "../redis/scripts.ts";
import type { DiscoveredBackend, DiscoverySource } from "./discovery-source.ts";
import { PolledSource } from "./polled-source.ts";

const POLL_MS = 1_000;
const MAX_BACKENDS = 10_000;

const listScript = loadScript("list-backends", 2);

export interface RedisSourceOptions {
  readonly pool: string;
  readonly prefix: string;
  /** Belongs to the source from here on. */
  readonly connection: RedisConnection;
  /** Of one announcement. @returns undefined for what is none */
  readonly read: (id: string, said: string) => DiscoveredBackend | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Backends that announced themselves; one that crashed vanishes at the end of its lease. */
export function redisSource(options: RedisSourceOptions): DiscoverySource {
  const { connection, clock } = options;
  const reader = new AnnouncementReader(options);
  return new PolledSource({
    name: "redis",
    everyMs: POLL_MS,
    clock,
    ask: () => reader.ask(),
    close: () => connection[Symbol.asyncDispose](),
  });
}

class AnnouncementReader {
  readonly #options: RedisSourceOptions;
  readonly #list: (...args: (string | number)[]) => Promise<unknown>;
  readonly #complained = new Set<string>();
  #known: readonly DiscoveredBackend[] = [];
  #reconnectedMs = -Infinity;

  constructor(options: RedisSourceOptions) {
    this.#options = options;
    const { connection, clock } = options;
    this.#list = connection.command("ringwayListBackends", listScript);
    connection.client.on("ready", () => {
      if (this.#known.length > 0) this.#reconnectedMs = clock.nowMs();
    });
  }

  async ask(): Promise<readonly DiscoveredBackend[]> {
    const { connection, prefix, pool, clock } = this.#options;
    await connection.tried();
    const answer = await this.#list(...announcementKeys(prefix, pool), MAX_BACKENDS);
    const found = this.#read(answer as readonly string[]);
    // A server that has just restarted may have lost them all: whoever lives is back by then.
    if (clock.nowMs() - this.#reconnectedMs < LEASE_MS) {
      const ids = new Set(found.map(({ id }) => id));
      found.push(...this.#known.filter(({ id }) => !ids.has(id)));
    }
    this.#known = found;
    return found;
  }

  #read(answer: readonly string[]): DiscoveredBackend[] {
    const { read, logger, pool } = this.#options;
    const found: DiscoveredBackend[] = [];
    for (let i = 0; i + 1 < answer.length; i += 2) {
      const [id = "", said = ""] = answer.slice(i, i + 2);
      const backend = read(id, said);
      if (backend !== undefined) found.push(backend);
      else if (!this.#complained.has(id) && this.#complained.size < MAX_BACKENDS) {
        this.#complained.add(id);
        logger.warn("announcement is not valid", { pool, id: id.slice(0, 128) });
      }
    }
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}
