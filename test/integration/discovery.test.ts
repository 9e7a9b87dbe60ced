import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { announce, type Announcement } from "../../src/backend/announce.ts";
import { systemClock } from "../../src/core/clock.ts";
import { dnsSource, type DnsSourceOptions } from "../../src/discovery/dns.ts";
import type { DiscoveredBackend } from "../../src/discovery/discovery-source.ts";
import { greetAs, startBackend } from "../support/backend.ts";
import { temporaryDirectory } from "../support/certificate.ts";
import { openClient } from "../support/client.ts";
import { startDnsServer, type DnsServer } from "../support/dns-server.ts";
import { startTestEdge, type TestEdge } from "../support/edge.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

function idsOf(edge: TestEdge): string {
  return edge.edge
    .backends("test")
    .map(({ id }) => id)
    .join(" ");
}

describe("discovery by file", { timeout: 60_000 }, () => {
  it("follows the file, and keeps the last fleet while it is wrong, empty or gone", async () => {
    const file = join(await temporaryDirectory(), "backends.yaml");
    const write = (...ids: string[]): Promise<void> =>
      writeFile(
        file,
        `backends: [${ids.map((id) => `{ id: ${id}, url: "http://127.0.0.1:1" }`).join(", ")}]\n`,
      );
    await write("a", "b");
    const edge = await startTestEdge([], { discovery: { file } });
    expect(idsOf(edge)).toBe("a b");
    await write("a", "b", "c");
    await until("c is there", () => idsOf(edge) === "a b c");

    await rename(file, `${file}.kept`);
    await writeFile(file, "backends: [{ id: a, url: nonsense }]\n");
    const failure = await edge.logged("discovery fails, the last known backends stay");
    expect(failure.fields["cause"]).toContain(`${file}:1:`);
    const up = { pool: "test", source: "file" };
    expect(await edge.metric("ringway_discovery_up", up)).toBe(0);
    await rm(file);
    await until(
      "it is looked at",
      async () => (await edge.metric("ringway_discovery_up", up)) === 0,
    );
    expect(idsOf(edge)).toBe("a b c");
    await rename(`${file}.kept`, file);
    await until("the file before is back", async () => {
      return (await edge.metric("ringway_discovery_up", up)) === 1;
    });
    expect(idsOf(edge)).toBe("a b c");
    await write("d");
    await until("d alone is there", () => idsOf(edge) === "d");
    expect(await edge.metric("ringway_discovery_up", up)).toBe(1);
  });
});

describe("discovery by DNS", { timeout: 60_000 }, () => {
  interface Watched {
    readonly ids: () => string | undefined;
    readonly last: () => readonly DiscoveredBackend[] | undefined;
    readonly failures: string[];
  }

  function watch(server: DnsServer, options: Partial<DnsSourceOptions> = {}): Watched {
    let last: readonly DiscoveredBackend[] | undefined;
    const failures: string[] = [];
    const source = dnsSource({
      ...{ name: "chat.svc.local", port: 9000, scheme: "http", everyMs: 20, clock: systemClock },
      servers: [server.address],
      ...options,
    });
    source.start({
      found: (backends) => (last = backends),
      failed: (cause) => void failures.push(cause),
    });
    onTestFinished(() => source[Symbol.asyncDispose]());
    return { last: () => last, failures, ids: () => last?.map(({ id }) => id).join(" ") };
  }

  it("finds a backend for each A and AAAA record, in the same order however they come", async () => {
    const server = await startDnsServer({ addresses: ["10.0.0.2", "10.0.0.1", "fd00::7"] });
    const watched = watch(server, { scheme: "https" });
    await until("they are found", () => watched.ids() !== undefined);
    expect(watched.ids()).toBe("10.0.0.1:9000 10.0.0.2:9000 ip6:fd00::7:9000");
    expect(watched.last()?.at(-1)).toEqual({
      id: "ip6:fd00::7:9000",
      url: "https://[fd00::7]:9000",
      address: { kind: "tcp", host: "fd00::7", port: 9000, tls: true },
      weight: 1,
      draining: false,
    });
    server.zone.addresses = ["10.0.0.3"];
    await until("the change is seen", () => watched.ids() === "10.0.0.3:9000");
  });

  it("finds hosts, ports and weights by SRV, of the lowest priority alone", async () => {
    const srv = [
      { priority: 2, weight: 1, port: 1, target: "spare.local" },
      { priority: 1, weight: 5, port: 9002, target: "b.local" },
      { priority: 1, weight: 0, port: 9001, target: "a.local" },
    ];
    const server = await startDnsServer({ srv });
    const watched = watch(server, { port: undefined });
    await until("they are found", () => watched.ids() !== undefined);
    expect(watched.last()?.map(({ id, weight }) => [id, weight])).toEqual([
      ["a.local:9001", 1],
      ["b.local:9002", 5],
    ]);
    server.zone.srv = srv.slice(0, 1);
    await until("the spare is found", () => watched.ids() === "spare.local:1");
  });

  it.each(["nxdomain", "servfail", "silent"] as const)(
    "fails, and says nothing else, while the server is %s",
    async (state) => {
      const server = await startDnsServer({ addresses: ["10.0.0.1"] });
      const watched = watch(server);
      await until("it is found", () => watched.ids() === "10.0.0.1:9000");
      server.zone.state = state;
      await until("it fails", () => watched.failures.length > 0);
      expect(watched.ids()).toBe("10.0.0.1:9000");
      server.zone.addresses = ["10.0.0.2"];
      server.zone.state = "ok";
      await until("it works again", () => watched.ids() === "10.0.0.2:9000");
    },
  );

  it("takes no record at all for a failure", async () => {
    const server = await startDnsServer({});
    const watched = watch(server);
    await until("it fails", () => watched.failures.length > 0);
    expect(watched.failures[0]).toContain("no A or AAAA record");
    expect(watched.ids()).toBeUndefined();
  });
});

describe("discovery by Redis", { timeout: 60_000 }, () => {
  const pool = "test";

  async function announced(redis: string, id: string, url: string): Promise<Announcement> {
    const announcement = await announce({ redis, pool, id, url });
    onTestFinished(() => announcement.withdraw());
    return announcement;
  }

  it("finds backends that announce themselves, drains and drops them as they say", async () => {
    const redis = await startRedis();
    const url = `redis://127.0.0.1:${redis.port}`;
    const [a, b] = await Promise.all(
      ["a", "b"].map((id) => startBackend(id, { webSocket: greetAs(id) })),
    );
    if (a === undefined || b === undefined) throw new Error("two backends were started");
    const first = await announced(url, "a", a.url);
    const edge = await startTestEdge(
      [],
      { discovery: { redis: true }, policy: "round-robin", drain: { over: "100ms" } },
      { sessions: { store: "redis", url } },
    );
    await until("a is found", () => idsOf(edge) === "a");
    const client = await openClient(edge.ws);
    expect(await client.text()).toBe("a");
    await announced(url, "b", b.url);
    await until("b is found", () => idsOf(edge) === "a b");

    await first.drain();
    expect((await client.closed).code).toBe(1012);
    for (let i = 0; i < 4; i++) expect(await (await openClient(edge.ws)).text()).toBe("b");
    await first.withdraw();
    await until("a has left", () => idsOf(edge) === "b");
  });

  it("keeps the fleet while Redis is frozen, killed, and back without what it knew", async () => {
    const redis = await startRedis();
    const url = `redis://127.0.0.1:${redis.port}`;
    await announced(url, "a", "http://127.0.0.1:1");
    // Nobody announces this one again: the restarted server has never heard of it.
    const leases = "ringway:backends:{test}";
    await redis.cli("ZADD", leases, String(Date.now() + 3_600_000), "b");
    await redis.cli("HSET", `${leases}:said`, "b", '{"url":"http://127.0.0.1:2"}');
    const edge = await startTestEdge([], { discovery: { redis: { url } } });
    await until("both are found", () => idsOf(edge) === "a b");
    const up = async (): Promise<number> =>
      edge.metric("ringway_discovery_up", { pool, source: "redis" });
    redis.freeze();
    await until("it is seen", async () => (await up()) === 0);
    expect(idsOf(edge)).toBe("a b");
    redis.thaw();
    await until("it is seen", async () => (await up()) === 1);
    await redis.kill();
    await until("it is seen", async () => (await up()) === 0);
    expect(idsOf(edge)).toBe("a b");
    await redis.restart();
    await until("it is seen", async () => (await up()) === 1);
    expect(idsOf(edge)).toBe("a b");
  });

  it("drops a crashed backend at the end of its lease, and passes over what is no announcement", async () => {
    const redis = await startRedis();
    const url = `redis://127.0.0.1:${redis.port}`;
    const alive = await announced(url, "alive", "http://127.0.0.1:1");
    const leases = "ringway:backends:{test}";
    const far = String(Date.now() + 3_600_000);
    for (const [id, said, until] of [
      ["garbage", "{", far],
      ["no-url", "{}", far],
      ["bad id!", '{"url":"http://127.0.0.1:1"}', far],
      ["unsaid", undefined, far],
      ["crashed", '{"url":"http://127.0.0.1:2"}', String(Date.now() + 1_500)],
    ] as const) {
      await redis.cli("ZADD", leases, until, id);
      if (said !== undefined) await redis.cli("HSET", `${leases}:said`, id, said);
    }
    const edge = await startTestEdge([], { discovery: { redis: { url } } });
    await until("both are found", () => idsOf(edge) === "alive crashed");
    await until("the crashed one has left", () => idsOf(edge) === "alive");
    const said = edge.logs.filter(({ message }) => message === "announcement is not valid");
    expect(said.map(({ fields }) => fields["id"]).sort()).toEqual(["bad id!", "garbage", "no-url"]);
    expect(await redis.cli("HGET", `${leases}:said`, "crashed")).toBe("");
    await alive.withdraw();
  });
});
