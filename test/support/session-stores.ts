import { onTestFinished } from "vitest";
import { silentLogger } from "../../src/core/logger.ts";
import { systemRandom } from "../../src/core/random.ts";
import { RedisConnection } from "../../src/redis/connection.ts";
import { parseRedisUrl } from "../../src/redis/redis-url.ts";
import { MemorySessions } from "../../src/session/memory.ts";
import { RedisSessions } from "../../src/session/redis.ts";
import type { SessionStore } from "../../src/session/session-store.ts";
import { FakeClock } from "./fake-clock.ts";
import { startRedis, type RedisServer } from "./redis.ts";

/** Far from what a test takes: sessions in Redis live in real time. */
export const TTL = 3_600_000;
export const GRACE = 600_000;

export interface Lives {
  readonly ttlMs: number;
  readonly graceMs: number;
}

export interface SessionsCase {
  readonly store: SessionStore;
  /** What other edges have: all know the same sessions. */
  readonly shared: readonly SessionStore[];
  /** Sessions grow older by so much. */
  readonly age: (ms: number) => Promise<void>;
  /** Timers and connections. */
  readonly open: () => Promise<number>;
}

export type MakeSessions = (lives?: Partial<Lives>) => Promise<SessionsCase>;

const lived = (lives: Partial<Lives> = {}): Lives => ({ ttlMs: TTL, graceMs: GRACE, ...lives });

export function makeMemorySessions(lives?: Partial<Lives>): Promise<SessionsCase> {
  const clock = new FakeClock();
  const store = new MemorySessions({ ...lived(lives), limit: 1000 }, clock);
  onTestFinished(() => store[Symbol.asyncDispose]());
  return Promise.resolve({
    store,
    shared: [store],
    age: (ms) => {
      clock.advance(ms);
      return Promise.resolve();
    },
    open: () => Promise.resolve(clock.timers),
  });
}

/** Takes some of the time to live of every key. */
const AGE = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end
end`;

export async function openRedis(
  redis: RedisServer,
  lives?: Partial<Lives>,
  clock = new FakeClock(),
): Promise<RedisSessions> {
  const target = parseRedisUrl(redis.url);
  if (typeof target === "string") throw new Error(target);
  const connection = new RedisConnection({
    ...{ target, ca: undefined, password: undefined },
    ...{ logger: silentLogger, random: systemRandom, clock },
  });
  const store = new RedisSessions(connection, { ...lived(lives), prefix: "test:" });
  onTestFinished(() => store[Symbol.asyncDispose]());
  await connection.tried();
  return store;
}

export async function makeRedisSessions(lives?: Partial<Lives>): Promise<SessionsCase> {
  const redis = await startRedis();
  const clock = new FakeClock();
  const [store, ...others] = [
    await openRedis(redis, lives, clock),
    await openRedis(redis, lives, clock),
    await openRedis(redis, lives, clock),
  ];
  return {
    store,
    shared: [store, ...others],
    age: async (ms) => {
      await redis.cli("EVAL", AGE, "0", String(ms));
    },
    open: async () => clock.timers + (await countClients(redis)),
  };
}

async function countClients(redis: RedisServer): Promise<number> {
  const list = await redis.cli("CLIENT", "LIST");
  return list.split("\n").filter((line) => line.includes("name=ringway")).length;
}
