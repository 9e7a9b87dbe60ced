import { randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { systemRandom } from "../../src/core/random.ts";
import { RedisConnection } from "../../src/redis/connection.ts";
import { parseRedisUrl } from "../../src/redis/redis-url.ts";
import { MemorySessions } from "../../src/session/memory.ts";
import { RedisSessions } from "../../src/session/redis.ts";
import type { SessionStore } from "../../src/session/session-store.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

interface Times {
  readonly ttlMs: number;
  readonly graceMs: number;
}

const LONG: Times = { ttlMs: 600_000, graceMs: 600_000 };

async function openMemory({ ttlMs, graceMs }: Times): Promise<SessionStore> {
  const store = new MemorySessions({ ttlMs, graceMs, limit: 10_000 }, systemClock);
  onTestFinished(() => store[Symbol.asyncDispose]());
  return Promise.resolve(store);
}

async function openRedis(times: Times): Promise<SessionStore> {
  const redis = await startRedis();
  const target = parseRedisUrl(`redis://127.0.0.1:${redis.port}`);
  if (typeof target === "string") throw new Error(target);
  const connection = new RedisConnection({
    ...{ target, ca: undefined, password: undefined, logger: silentLogger },
    ...{ random: systemRandom, clock: systemClock },
  });
  await connection.tried();
  const store = new RedisSessions(connection, { ...times, prefix: `${randomUUID()}:` });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

describe.each([
  ["memory", openMemory],
  ["Redis", openRedis],
])("sessions in %s", (_, open) => {
  it("are unbound until they are bound, and then hold", async () => {
    const store = await open(LONG);
    expect(await store.get("s")).toBeUndefined();
    expect(await store.bind("s", "a", undefined)).toBe("a");
    expect(await store.get("s")).toBe("a");
    expect(await store.get("t")).toBeUndefined();
  });

  it("are held by who was first; the second is told who", async () => {
    const store = await open(LONG);
    await store.bind("s", "a", undefined);
    expect(await store.bind("s", "b", undefined)).toBe("a");
    expect(await store.bind("s", "a", undefined)).toBe("a");
    expect(await store.get("s")).toBe("a");
  });

  it("are bound anew only by who knows their holder", async () => {
    const store = await open(LONG);
    await store.bind("s", "a", undefined);
    expect(await store.bind("s", "c", "b")).toBe("a");
    expect(await store.bind("s", "c", "a")).toBe("c");
    expect(await store.get("s")).toBe("c");
    expect(await store.bind("gone", "c", "a")).toBe("c");
  });

  it("have one holder, however many bind them at once", async () => {
    const store = await open(LONG);
    const holders = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => store.bind("s", `b${i}`, undefined)),
    );
    expect(new Set(holders)).toEqual(new Set([await store.get("s")]));
  });

  it("are told apart whatever their ids are", async () => {
    const store = await open(LONG);
    const ids = ["s", "S", " s", "s{", "}s", "{s}", "s\n", "ü", "__proto__", "*", "x".repeat(200)];
    for (const [i, id] of ids.entries()) await store.bind(id, `b${i}`, undefined);
    for (const [i, id] of ids.entries()) expect(await store.get(id)).toBe(`b${i}`);
  });

  it("are forgotten after their time, unless they are touched", async () => {
    const store = await open({ ttlMs: 400, graceMs: 400 });
    await store.bind("left", "a", undefined);
    await store.bind("used", "a", undefined);
    await until("one is forgotten", async () => {
      await store.touch("used", "a");
      return (await store.get("left")) === undefined;
    });
    expect(await store.get("used")).toBe("a");
    await until("the other as well", async () => (await store.get("used")) === undefined);
  });

  it("are made again by a touch when the store has lost them, and not taken by one", async () => {
    const store = await open(LONG);
    await store.touch("lost", "a");
    expect(await store.get("lost")).toBe("a");
    await store.bind("held", "b", undefined);
    await store.touch("held", "a");
    expect(await store.get("held")).toBe("b");
  });

  it("are kept for the grace time after their last use, or not at all", async () => {
    const kept = await open({ ttlMs: 600_000, graceMs: 200 });
    await kept.bind("s", "a", undefined);
    await kept.release("s", "a");
    expect(await kept.get("s")).toBe("a");
    await until("it is forgotten", async () => (await kept.get("s")) === undefined);
    const freed = await open({ ttlMs: 600_000, graceMs: 0 });
    await freed.bind("s", "a", undefined);
    await freed.release("s", "a");
    expect(await freed.get("s")).toBeUndefined();
  });

  it("are not released by who does not hold them", async () => {
    const store = await open({ ttlMs: 600_000, graceMs: 0 });
    await store.bind("s", "a", undefined);
    await store.release("s", "b");
    expect(await store.get("s")).toBe("a");
  });
});
