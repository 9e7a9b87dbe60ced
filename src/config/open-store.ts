import { MemorySessions } from "../session/memory.ts";
import { RedisSessions } from "../session/redis.ts";
import type { SessionStore } from "../session/session-store.ts";
import { openRedis, type Services } from "./open-redis.ts";
import type { EdgeConfig } from "./schema.ts";

/**
 * Makes the session store that the configuration names. One on Redis is given a first try to connect
 * before it is handed out; if that fails it goes on trying by itself.
 *
 * @throws StartError when a CA file can't be read
 */
export async function openStore(
  sessions: EdgeConfig["sessions"],
  context: Services,
): Promise<SessionStore> {
  const { ttl: ttlMs, grace: graceMs = ttlMs } = sessions;
  if (sessions.store === "memory") {
    return new MemorySessions({ ttlMs, graceMs, limit: sessions.limit }, context.clock);
  }
  const connection = await openRedis(sessions, context);
  await connection.tried();
  return new RedisSessions(connection, { ttlMs, graceMs, prefix: sessions.prefix });
}
