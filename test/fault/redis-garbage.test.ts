import { describe, expect, it } from "vitest";
import { startTestEdge, type TestEdge } from "../support/edge.ts";
import { startRedis, type RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { affinity, picks, startVisited, visit, type Visit } from "../support/visits.ts";

const TTL_MS = 3_600_000;
const LUA_BINARY = "redis.call('SET', KEYS[1], 'a\\0b\\255\\254\\r\\n')";
const LUA_LARGE = "redis.call('SET', KEYS[1], string.rep('a', 1048576))";

const garbage: [string, (redis: RedisServer, key: string) => Promise<string>][] = [
  ["a list", (redis, key) => redis.cli("RPUSH", key, "a")],
  ["a hash", (redis, key) => redis.cli("HSET", key, "backend", "a")],
  ["a set", (redis, key) => redis.cli("SADD", key, "a")],
  ["a stream", (redis, key) => redis.cli("XADD", key, "*", "backend", "a")],
  ["the id of a backend that is gone", (redis, key) => redis.cli("SET", key, "gone")],
  ["the longest id that a backend may have", (redis, key) => redis.cli("SET", key, longId(128))],
  ["a longer one", (redis, key) => redis.cli("SET", key, longId(129))],
  ["an id with more behind it", (redis, key) => redis.cli("SET", key, "a\n")],
  ["an empty string", (redis, key) => redis.cli("SET", key, "")],
  ["bytes that are no text", (redis, key) => redis.cli("EVAL", LUA_BINARY, "1", key)],
  ["a value of 1 MB", (redis, key) => redis.cli("EVAL", LUA_LARGE, "1", key)],
];

function longId(length: number): string {
  return "b".repeat(length);
}

interface Bound {
  readonly redis: RedisServer;
  readonly edge: TestEdge;
  /** Where the session is, and its key. */
  readonly at: Visit;
  readonly key: string;
}

/** A session that was bound and has ended, its key deleted. */
async function forgotten(): Promise<Bound> {
  const redis = await startRedis();
  const sessions = { store: "redis", url: redis.url, ttl: "1h", deadline: "5s" } as const;
  const edge = await startTestEdge(await startVisited(["a", "b", "c"]), { affinity }, { sessions });
  const at = await visit(edge, "user");
  const key = `ringway:session:{${at.session}}`;
  expect(await redis.cli("GET", key)).toBe(at.backend);
  await allEnded(edge, 1);
  await redis.cli("DEL", key);
  return { redis, edge, at, key };
}

/** Resolves when the edge has told the store all that it will: commands are sent in order. */
async function allEnded(edge: TestEdge, tunnels: number): Promise<void> {
  const ended = (): Promise<number> => edge.metric("ringway_tunnel_closes_total");
  await until("tunnels have ended", async () => (await ended()) === tunnels);
}

describe("a session whose key is", () => {
  it.each(garbage)("%s is bound anew, with a TTL, and found again", async (_, spoil) => {
    const { redis, edge, at, key } = await forgotten();
    await spoil(redis, key);
    expect(await redis.cli("PTTL", key)).toBe("-1");

    expect(await visit(edge, "user")).toEqual(at);
    await allEnded(edge, 2);
    expect(await redis.cli("GET", key)).toBe(at.backend);
    const ttl = Number(await redis.cli("PTTL", key));
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(TTL_MS);
    expect(await picks(edge, "policy")).toBe(2);

    expect(await visit(edge, "user")).toEqual(at);
    expect(await picks(edge, "bound")).toBe(1);
    expect(await picks(edge, "fallback")).toBe(0);
    expect(await edge.metric("ringway_store_errors_total")).toBe(0);
  });

  it("a binding without a TTL keeps its backend, and gets one", async () => {
    const { redis, edge, at, key } = await forgotten();
    const other = at.backend === "a" ? "b" : "a";
    await redis.cli("SET", key, other);
    expect(await visit(edge, "user")).toEqual({ ...at, backend: other });
    expect(await picks(edge, "bound")).toBe(1);
    await until("a TTL", async () => Number(await redis.cli("PTTL", key)) > 0);
    expect(await redis.cli("GET", key)).toBe(other);
  });

  it("a hash is bound anew once, when 20 connections come at once", async () => {
    const { redis, edge, key } = await forgotten();
    await redis.cli("HSET", key, "some", "thing");
    const visits = await Promise.all(Array.from({ length: 20 }, () => visit(edge, "user")));
    expect(new Set(visits.map(({ backend }) => backend)).size).toBe(1);
    expect(await redis.cli("GET", key)).toBe(visits[0]?.backend);
  });
});
