import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { EdgeConfigInput } from "../../src/config/schema.ts";
import { makeCertificate, temporaryDirectory } from "../support/certificate.ts";
import { startTestEdge, type TestEdge } from "../support/edge.ts";
import { startRedis, startRedisTls, type RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { affinity, picks, startVisited, visit } from "../support/visits.ts";
import type { TestBackend } from "../support/backend.ts";

type Sessions = Extract<EdgeConfigInput["sessions"], { readonly store: "redis" }>;

/** By turns, sessions come to lie where the ring would not put them: only the store knows. */
async function startSharing(
  backends: readonly TestBackend[],
  sessions: Partial<Sessions> & Pick<Sessions, "url">,
): Promise<TestEdge> {
  return startTestEdge(
    backends,
    { affinity, policy: "round-robin" },
    // Nothing is late here, however many come at once.
    { sessions: { store: "redis", deadline: "15s", ...sessions } },
  );
}

describe("sessions in Redis", () => {
  it("are shared by edges: what one has bound, the other finds", async () => {
    const { url } = await startRedis();
    const backends = await startVisited(["a", "b", "c"]);
    const one = await startSharing(backends, { url });
    const other = await startSharing(backends, { url });
    const tokens = Array.from({ length: 30 }, (_, i) => `user-${i}`);
    const first = [];
    for (const token of tokens) first.push(await visit(one, token));
    expect(new Set(first.map(({ backend }) => backend)).size).toBe(3);
    const again = [];
    for (const token of tokens.toReversed()) again.unshift(await visit(other, token));
    expect(again).toEqual(first);
    expect(await picks(other, "bound")).toBe(tokens.length);
  });

  it("land on one backend, when 1,000 connections of one come first at once on two edges", async () => {
    const redis = await startRedis();
    const backends = await startVisited(["a", "b", "c"]);
    const edges = [
      await startSharing(backends, { url: redis.url }),
      await startSharing(backends, { url: redis.url }),
    ];
    const visits = await Promise.all(
      edges.flatMap((edge) => Array.from({ length: 500 }, () => visit(edge, "one"))),
    );
    expect(visits).toHaveLength(1_000);
    expect(new Set(visits.map(({ backend }) => backend)).size).toBe(1);
    expect(await redis.cli("GET", `ringway:session:{${visits[0]?.session ?? ""}}`)).toBe(
      visits[0]?.backend,
    );
    for (const edge of edges) expect(await picks(edge, "fallback")).toBe(0);
  });

  it("outlive their edge: none of 300 moves when the next has one more backend", async () => {
    const { url } = await startRedis();
    const backends = await startVisited(["a", "b", "c", "d"]);
    const tokens = Array.from({ length: 300 }, (_, i) => `user-${i}`);
    const before = await startSharing(backends.slice(0, 3), { url });
    const first = await Promise.all(tokens.map((token) => visit(before, token)));
    await before.edge.close();
    const after = await startSharing(backends, { url });
    expect(await Promise.all(tokens.map((token) => visit(after, token)))).toEqual(first);
    expect(await picks(after, "bound")).toBe(tokens.length);
  });
});

describe("a session's key in Redis", () => {
  it("has the time to live that is configured, and has it again with every use", async () => {
    const redis = await startRedis();
    const edge = await startSharing(await startVisited(["a", "b"]), { url: redis.url, ttl: "10m" });
    const { session } = await visit(edge, "user");
    const key = `ringway:session:{${session}}`;
    const ttl = async (): Promise<number> => Number(await redis.cli("PTTL", key));
    expect(await ttl()).toBeGreaterThan(0);
    expect(await ttl()).toBeLessThanOrEqual(600_000);
    await until("the tunnel has ended", async () => {
      return (await edge.metric("ringway_tunnel_closes_total")) === 1;
    });
    await redis.cli("PEXPIRE", key, "60000");
    await visit(edge, "user");
    expect(await picks(edge, "bound")).toBe(1);
    await until("a new TTL", async () => (await ttl()) > 60_000);
    expect(await ttl()).toBeLessThanOrEqual(600_000);
  });

  it("begins with the prefix that is configured: edges with others share nothing", async () => {
    const redis = await startRedis();
    const backends = await startVisited(["a", "b"]);
    const usual = await startSharing(backends, { url: redis.url });
    const other = await startSharing(backends, { url: redis.url, prefix: "chat/" });
    const { session } = await visit(usual, "user");
    expect(await redis.cli("KEYS", "*")).toBe(`ringway:session:{${session}}`);
    await visit(other, "user");
    expect(await picks(other, "policy")).toBe(1);
    const keys = (await redis.cli("KEYS", "*")).split("\n").sort();
    expect(keys).toEqual([`chat/session:{${session}}`, `ringway:session:{${session}}`]);
  });
});

describe("Redis behind TLS and a password", () => {
  async function startSecured(password: string): Promise<{ redis: RedisServer; ca: string }> {
    const directory = await temporaryDirectory();
    const ca = await makeCertificate(join(directory, "ca"), ["test CA"]);
    const own = await makeCertificate(join(directory, "redis"), ["localhost"], ca);
    return { redis: await startRedisTls({ ...own, ca: ca.cert }, password), ca: ca.cert };
  }

  /** Whether two visits of one session were one that binds it and one that finds it. */
  async function expectBound(edge: TestEdge): Promise<void> {
    await visit(edge, "user");
    await visit(edge, "user");
    expect(await picks(edge, "policy")).toBe(1);
    expect(await picks(edge, "bound")).toBe(1);
  }

  async function expectFallback(edge: TestEdge): Promise<void> {
    await visit(edge, "user");
    await visit(edge, "user");
    expect(await picks(edge, "fallback")).toBe(2);
  }

  it("is reached with the password in the URL", async () => {
    const { redis, ca } = await startSecured("swordfish");
    await expectBound(
      await startSharing(await startVisited(["a"]), { url: redis.url, tls: { ca } }),
    );
    expect(await redis.cli("DBSIZE")).toBe("1");
  });

  it("is reached with the password beside the URL, whatever is in it", async () => {
    const password = "p@ss:w/rd#%41 ü";
    const { redis, ca } = await startSecured(password);
    const url = `rediss://localhost:${redis.port}`;
    const edge = await startSharing(await startVisited(["a"]), { url, password, tls: { ca } });
    await expectBound(edge);
  });

  it("is away, but nothing else is, when its certificate is of another CA", async () => {
    const { redis } = await startSecured("swordfish");
    await expectFallback(await startSharing(await startVisited(["a"]), { url: redis.url }));
    expect(await redis.cli("DBSIZE")).toBe("0");
  });

  it("is away, but nothing else is, when the password is wrong", async () => {
    const { redis, ca } = await startSecured("swordfish");
    const url = redis.url.replace("swordfish", "guess");
    const edge = await startSharing(await startVisited(["a"]), { url, tls: { ca } });
    await expectFallback(edge);
    expect(await redis.cli("DBSIZE")).toBe("0");
  });
});
