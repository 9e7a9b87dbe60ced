import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeCertificate, temporaryDirectory } from "../support/certificate.ts";
import { startCluster } from "../support/redis-cluster.ts";
import { startSentinel } from "../support/redis-sentinel.ts";
import { replicated, startRedis, startRedisTls } from "../support/redis.ts";
import { until } from "../support/until.ts";

describe("the Redis servers that tests start", { timeout: 60_000 }, () => {
  it("keep what they are told, and nothing over a restart", async () => {
    const redis = await startRedis();
    await redis.cli("SET", "key", "value");
    expect(await redis.cli("GET", "key")).toBe("value");
    await redis.restart();
    expect(await redis.cli("GET", "key")).toBe("");
    await redis.kill();
    await expect(redis.cli("GET", "key")).rejects.toThrow("Could not connect");
  });

  it("answer again what they were asked while frozen", async () => {
    const redis = await startRedis();
    redis.freeze();
    const asked = redis.cli("SET", "key", "value");
    const other = startRedis();
    expect(await Promise.race([asked, other.then(({ port }) => port)])).toBe((await other).port);
    redis.thaw();
    expect(await asked).toBe("OK");
  });

  it("speak TLS, and know who has the password", async () => {
    const directory = await temporaryDirectory();
    const ca = await makeCertificate(join(directory, "ca"), ["test CA"]);
    const own = await makeCertificate(join(directory, "redis"), ["localhost"], ca);
    const redis = await startRedisTls({ ...own, ca: ca.cert }, "swordfish");
    await redis.cli("SET", "key", "value");
    expect(await redis.cli("GET", "key")).toBe("value");
    await expect(redis.cli("-a", "guess", "GET", "key")).rejects.toThrow("NOAUTH");
  });

  it("of a Sentinel set fail over when the primary is killed", async () => {
    const set = await startSentinel();
    const first = await set.primary();
    expect(first).toBe(set.servers[0]);
    await first.cli("SET", "key", "value");
    await replicated(set.servers);
    await first.kill();
    await until("another primary", async () => (await set.primary()) !== first);
    const second = await set.primary();
    expect(await second.cli("GET", "key")).toBe("value");
    expect(await second.cli("SET", "key", "other")).toBe("OK");
  });

  it("of a Cluster fail over when a primary is killed", async () => {
    const cluster = await startCluster();
    const [first, ...others] = await cluster.primaries();
    expect(others).toHaveLength(2);
    expect(first?.isUp).toBe(true);
    const holder = await cluster.primaryOf("key");
    await holder.cli("SET", "key", "value");
    await replicated(cluster.nodes);
    await holder.kill();
    await until("another primary", async () => (await cluster.primaryOf("key")) !== holder);
    const next = await cluster.primaryOf("key");
    expect(await next.cli("GET", "key")).toBe("value");
    for (const node of cluster.nodes.filter(({ isUp }) => isUp)) {
      expect(await node.cli("-c", "SET", "key", "other")).toMatch(/OK$/);
    }
  });
});
