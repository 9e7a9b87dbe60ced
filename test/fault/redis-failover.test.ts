import { describe, expect, it } from "vitest";
import { startTestEdge, type TestEdge } from "../support/edge.ts";
import { startCluster } from "../support/redis-cluster.ts";
import { startSentinel } from "../support/redis-sentinel.ts";
import { replicated, startRedis, type RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { affinity, picks, startVisited, Traffic, visit, type Visit } from "../support/visits.ts";

const TOKENS = Array.from({ length: 60 }, (_, i) => `user-${i}`);
/** Traffic takes all of them in turn several times, late ones included. */
const ROUNDS = 4 * TOKENS.length;

/**
 * By turns, sessions come to lie where the ring would not put them: only the store brings them back.
 * The deadline is a long one, for a session that is asked for once must be found even on a machine
 * that has other things to do.
 */
async function edgeBeside(url: string): Promise<TestEdge> {
  const sessions = { store: "redis", url, deadline: "500ms" } as const;
  const pool = { affinity, policy: "round-robin" } as const;
  return startTestEdge(await startVisited(["a", "b", "c"]), pool, { sessions });
}

async function visitAll(edge: TestEdge): Promise<Visit[]> {
  const visits = [];
  for (const token of TOKENS) visits.push(await visit(edge, token));
  return visits;
}

/** Whether, while traffic runs, no session has to do without the store. */
async function areAllFound(edge: TestEdge): Promise<boolean> {
  const [bound, fallback] = [await picks(edge, "bound"), await picks(edge, "fallback")];
  await until("traffic", async () => (await picks(edge, "bound")) >= bound + ROUNDS);
  return (await picks(edge, "fallback")) === fallback;
}

/** Traffic runs while the servers are in trouble; every session then is where it was. */
async function expectFoundAgain(
  edge: TestEdge,
  step: {
    readonly servers: readonly RedisServer[];
    readonly before: readonly Visit[];
    readonly trouble: () => Promise<void>;
  },
): Promise<void> {
  // Redis replicates behind its answers: what a primary takes along is lost, by design.
  await replicated(step.servers);
  const traffic = new Traffic(edge, TOKENS);
  const fallback = await picks(edge, "fallback");
  await step.trouble();
  await until("every session is found", () => areAllFound(edge));
  const { failures, summary } = await traffic.stop();
  expect(failures, summary).toEqual([]);
  expect(await picks(edge, "fallback")).toBeGreaterThan(fallback);

  const boundBefore = await picks(edge, "bound");
  expect(await visitAll(edge)).toEqual(step.before);
  expect(await picks(edge, "bound")).toBe(boundBefore + TOKENS.length);
}

describe(
  "behind Sentinels, upgrades go on and sessions are found again",
  { timeout: 90_000 },
  () => {
    it("when the primary is killed", async () => {
      const set = await startSentinel();
      const edge = await edgeBeside(set.url);
      const before = await visitAll(edge);
      const first = await set.primary();
      const trouble = async (): Promise<void> => {
        await first.kill();
        await until("another primary", async () => (await set.primary()) !== first);
      };
      await expectFoundAgain(edge, { servers: set.servers, before, trouble });
    });

    it("when the primary is killed, and the news of the next comes while the edge asks for it", async () => {
      const set = await startSentinel();
      const silent = await Promise.all(Array.from({ length: 3 }, () => startRedis()));
      for (const server of silent) server.freeze();
      // Whoever asks them all has to wait between the first Sentinel and the second.
      const hosts = silent.map(({ port }) => `127.0.0.1:${port}`).join(",");
      const edge = await edgeBeside(set.url.replace(",", `,${hosts},`));
      const before = await visitAll(edge);
      const first = await set.primary();
      const trouble = async (): Promise<void> => {
        await first.kill();
        await until("another primary", async () => (await set.primary()) !== first);
      };
      await expectFoundAgain(edge, { servers: set.servers, before, trouble });
    });

    it("when the primary is frozen, and when it thaws and learns that it is none", async () => {
      const set = await startSentinel();
      const edge = await edgeBeside(set.url);
      const before = await visitAll(edge);
      const first = await set.primary();
      const freeze = async (): Promise<void> => {
        first.freeze();
        await until("another primary", async () => (await set.primary()) !== first);
      };
      await expectFoundAgain(edge, { servers: set.servers, before, trouble: freeze });

      const traffic = new Traffic(edge, TOKENS);
      first.thaw();
      await until("the old primary is a replica", async () => {
        return (await first.cli("INFO", "replication")).includes("role:slave");
      });
      const { failures, summary } = await traffic.stop();
      expect(failures, summary).toEqual([]);
      expect(await visitAll(edge)).toEqual(before);
    });
  },
);

describe("on a Cluster, upgrades go on and sessions are found again", { timeout: 90_000 }, () => {
  it("when the primary that holds some of them is killed", async () => {
    const cluster = await startCluster();
    const edge = await edgeBeside(cluster.url);
    const before = await visitAll(edge);
    const key = `ringway:session:{${before[0]?.session ?? ""}}`;
    const first = await cluster.primaryOf(key);
    expect(await first.cli("GET", key)).toBe(before[0]?.backend);
    const trouble = async (): Promise<void> => {
      await first.kill();
      await until("another primary", async () => (await cluster.primaryOf(key)) !== first);
    };
    await expectFoundAgain(edge, { servers: cluster.nodes, before, trouble });
    expect(await (await cluster.primaryOf(key)).cli("GET", key)).toBe(before[0]?.backend);
  });

  it("when the primary that holds some of them is frozen", async () => {
    const cluster = await startCluster();
    const edge = await edgeBeside(cluster.url);
    const before = await visitAll(edge);
    const key = `ringway:session:{${before[0]?.session ?? ""}}`;
    const first = await cluster.primaryOf(key);
    const trouble = async (): Promise<void> => {
      first.freeze();
      await until("another primary", async () => (await cluster.primaryOf(key)) !== first);
    };
    await expectFoundAgain(edge, { servers: cluster.nodes, before, trouble });
  });
});
