import { resolve } from "node:path";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import { readTextFile } from "../core/read-text-file.ts";
import { RedisConnection } from "../redis/connection.ts";
import { MemorySessions } from "../session/memory.ts";
import { RedisSessions } from "../session/redis.ts";
import type { SessionStore } from "../session/session-store.ts";
import type { EdgeConfig } from "./schema.ts";

export interface StoreContext {
  /** Where relative file names begin. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
}

/**
 * Makes the session store that the configuration names. One on Redis is given a first try to connect
 * before it is handed out; if that fails it goes on trying by itself.
 *
 * @throws StartError when a CA file can't be read
 */
export async function openStore(
  sessions: EdgeConfig["sessions"],
  context: StoreContext,
): Promise<SessionStore> {
  const { ttl: ttlMs, grace: graceMs = ttlMs } = sessions;
  if (sessions.store === "memory") {
    return new MemorySessions({ ttlMs, graceMs, limit: sessions.limit }, context.clock);
  }
  const { ca } = sessions.tls;
  const connection = new RedisConnection({
    target: sessions.url,
    ca: ca === undefined ? undefined : await readTextFile(resolve(context.directory, ca)),
    password: sessions.password,
    logger: context.logger,
    random: context.random,
    clock: context.clock,
  });
  await connection.tried();
  return new RedisSessions(connection, { ttlMs, graceMs, prefix: sessions.prefix });
}
