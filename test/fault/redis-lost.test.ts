import { describe, expect, it } from "vitest";
import { startTestEdge, type TestEdge } from "../support/edge.ts";
import { freePort, startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { affinity, picks, startVisited, Traffic } from "../support/visits.ts";

const TOKENS = Array.from({ length: 50 }, (_, i) => `user-${i}`);
/** A quarter of a second of traffic. */
const SOME = 50;
/** Longer than the edge waits before it gives up a connection on which nothing comes. */
const MANY = 800;

async function edgeBeside(url: string): Promise<TestEdge> {
  const sessions = { store: "redis", url, deadline: "50ms" } as const;
  return startTestEdge(await startVisited(["a", "b", "c"]), { affinity }, { sessions });
}

/** Resolves when so many more backends were chosen for this reason. */
async function more(edge: TestEdge, reason: "bound" | "fallback", count: number): Promise<void> {
  const wanted = (await picks(edge, reason)) + count;
  await until(`${wanted} picks ${reason}`, async () => (await picks(edge, reason)) >= wanted);
}

async function expectNoFailure(traffic: Traffic): Promise<void> {
  const { failures, summary } = await traffic.stop();
  expect(failures, summary).toEqual([]);
}

describe("200 upgrades a second", { timeout: 60_000 }, () => {
  it("go on by the ring while Redis is killed, and by the store when it is back", async () => {
    const redis = await startRedis();
    const edge = await edgeBeside(redis.url);
    const traffic = new Traffic(edge, TOKENS);
    await more(edge, "bound", SOME);
    for (let i = 0; i < 2; i++) {
      await redis.kill();
      await more(edge, "fallback", SOME);
      await redis.restart();
      await more(edge, "bound", SOME);
    }
    await expectNoFailure(traffic);
    expect(await edge.metric("ringway_store_errors_total", { operation: "get" })).toBeGreaterThan(
      0,
    );
  });

  it("go on by the ring while Redis is frozen, and by the store when it is thawed", async () => {
    const redis = await startRedis();
    const edge = await edgeBeside(redis.url);
    const traffic = new Traffic(edge, TOKENS);
    await more(edge, "bound", SOME);
    for (const away of [SOME, MANY]) {
      redis.freeze();
      await more(edge, "fallback", away);
      redis.thaw();
      await more(edge, "bound", SOME);
    }
    await expectNoFailure(traffic);
    const late = { operation: "get", cause: "store_late" };
    expect(await edge.metric("ringway_store_errors_total", late)).toBeGreaterThan(0);
  });

  it("go on by the ring until a Redis that starts after the edge is there", async () => {
    const port = await freePort();
    const edge = await edgeBeside(`redis://127.0.0.1:${port}`);
    const traffic = new Traffic(edge, TOKENS);
    await more(edge, "fallback", SOME);
    expect(await picks(edge, "bound")).toBe(0);
    await startRedis({ port });
    await more(edge, "bound", SOME);
    await expectNoFailure(traffic);
  });

  it("go on by the ring while Redis refuses to write, and by the store when it does", async () => {
    const redis = await startRedis({ args: ["--maxmemory", "1"] });
    const edge = await edgeBeside(redis.url);
    const traffic = new Traffic(edge, TOKENS);
    await more(edge, "fallback", SOME);
    expect(await picks(edge, "bound")).toBe(0);
    await redis.cli("CONFIG", "SET", "maxmemory", "0");
    await more(edge, "bound", SOME);
    await expectNoFailure(traffic);
    const refused = { operation: "bind", cause: "store_refused" };
    expect(await edge.metric("ringway_store_errors_total", refused)).toBeGreaterThan(0);
  });
});
