import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import type { FleetOptions } from "../../src/backend/fleet-options.ts";
import { startNats } from "../support/nats.ts";
import { startNode } from "../support/node.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const CHILD = fileURLToPath(new URL("../support/fleet-node-child.js", import.meta.url));
const KEYS = Array.from({ length: 40 }, (_, i) => `room:${i}`);
const LEASE_MS = 1_000;

const brokers: readonly (readonly [name: string, start: () => Promise<string>])[] = [
  ["memory", () => Promise.resolve(`memory:${Math.random()}`)],
  ["Redis", async () => (await startRedis()).url],
  ["NATS", async () => (await startNats()).url],
];

type Nodes = readonly Awaited<ReturnType<typeof startNode>>[];

function ownersOf(nodes: Nodes, key: string): string[] {
  return nodes.filter(({ fleet }) => fleet.shards.isLocal(key)).map(({ fleet }) => fleet.id);
}

/** Each key has one owner, and all nodes name it. */
function agree(nodes: Nodes): boolean {
  return KEYS.every((key) => {
    const named = new Set(nodes.map(({ fleet }) => fleet.shards.ownerOf(key)));
    return named.size === 1 && named.has(ownersOf(nodes, key)[0]);
  });
}

describe.each(brokers)("shards on %s", (_, start) => {
  it("give each key one owner, move only what a newcomer takes, and say what has moved", async () => {
    const broker = await start();
    const [a, b] = [await startNode({ broker }), await startNode({ broker })];
    await until("two agree", () => agree([a, b]));
    const before = new Map(KEYS.map((key) => [key, a.fleet.shards.ownerOf(key)]));
    const { epoch } = a.fleet.shards;
    const changes: number[] = [];
    a.fleet.shards.onChange((change) => changes.push(change));
    const c = await startNode({ broker });
    await until("three agree", () => agree([a, b, c]));
    expect(a.fleet.members).toEqual([a, b, c].map(({ fleet }) => fleet.id).sort());
    const moved = KEYS.filter((key) => a.fleet.shards.ownerOf(key) !== before.get(key));
    expect(moved.length).toBeGreaterThan(0);
    for (const key of moved) expect(a.fleet.shards.ownerOf(key)).toBe(c.fleet.id);
    const wanted = moved.map((key) => ({ key, from: before.get(key), to: c.fleet.id }));
    expect(a.fleet.shards.movedSince(epoch, KEYS)).toEqual(wanted);
    expect(changes).toContain(c.fleet.shards.epoch);
    expect(c.fleet.shards.movedSince(epoch, KEYS)).toBeUndefined();

    await c.fleet.leave();
    await until("two agree again", () => agree([a, b]));
    for (const key of KEYS) expect(a.fleet.shards.ownerOf(key)).toBe(before.get(key));
  });

  it("follow a table of ranges and a directory, as they are changed from any node", async () => {
    const broker = await start();
    const shards = {
      channels: { by: "range", boundaries: ["room:2"] },
      connections: { by: "directory" },
    } as const;
    const [a, b] = [await startNode({ broker, shards }), await startNode({ broker, shards })];
    await until("both agree", () => agree([a, b]));
    await a.fleet.shards.assign("room:2", b.fleet.id);
    await b.fleet.shards.split("room:30");
    await b.fleet.shards.assign("room:30", a.fleet.id);
    await until("both know", () => a.fleet.shards.epoch === b.fleet.shards.epoch && agree([a, b]));
    expect(a.fleet.shards.ownerOf("room:2")).toBe(b.fleet.id);
    expect(a.fleet.shards.ownerOf("room:29")).toBe(b.fleet.id);
    expect(b.fleet.shards.ownerOf("room:30")).toBe(a.fleet.id);
    await a.fleet.shards.merge("room:30");
    await until("both know", () => b.fleet.shards.ownerOf("room:31") === b.fleet.id);
    await expect(a.fleet.shards.assign("room:30", "x")).rejects.toMatchObject({
      code: "bad_shards",
    });

    await a.fleet.connectionShards.assign("ann", b.fleet.id);
    await until("both know", () => b.fleet.connectionShards.isLocal("ann"));
    await a.fleet.connectionShards.assign("ann", a.fleet.id);
    await until("both know", () => a.fleet.connectionShards.isLocal("ann"));
    expect(b.fleet.connectionShards.isLocal("ann")).toBe(false);
    await expect(a.fleet.connectionShards.split("x")).rejects.toMatchObject({ code: "bad_shards" });
  });

  it("bring messages of a sharded channel to all subscribers in one order", async () => {
    const broker = await start();
    const nodes = [await startNode({ broker }), await startNode({ broker })];
    await until("both agree", () => agree(nodes));
    const got = await Promise.all(
      nodes.map(async (node) => {
        const client = await node.connect();
        await client.connection.join("room:1");
        return client.got;
      }),
    );
    await Promise.all(
      nodes.map(async ({ fleet }) => {
        const room = fleet.channel("room:1", { sharded: true });
        for (let i = 0; i < 200; i++) await room.publish(`${fleet.id} ${i}`);
      }),
    );
    await until("all have come", () => got.every((texts) => texts.length >= 400));
    expect(new Set(got[0]).size).toBe(400);
    expect(got[0]).toEqual(got[1]);
  });
});

describe.each(brokers.slice(1))("nodes in processes of their own on %s", (_, start) => {
  it("take over within a lease from one that is killed, and from one that hangs", async () => {
    const broker = await start();
    const spawn = async (id: string): Promise<ChildProcess> => {
      const options: FleetOptions = { id, broker, shards: { leaseMs: LEASE_MS } };
      const child = fork(CHILD, [JSON.stringify(options), ...KEYS]);
      onTestFinished(() => void child.kill("SIGKILL"));
      await once(child, "message");
      return child;
    };
    const owned = async (child: ChildProcess): Promise<string[]> => {
      const answer = once(child, "message") as Promise<[string[]]>;
      child.send("owned");
      return (await answer)[0];
    };
    const ownsAll = (children: readonly ChildProcess[]): Promise<void> =>
      until("all keys are owned", async () => {
        const lists = await Promise.all(children.map(owned));
        expect(new Set(lists.flat()).size).toBe(lists.flat().length);
        return lists.flat().length === KEYS.length;
      });
    const children = await Promise.all(["a", "b", "c"].map(spawn));
    const [a, b, c] = children as [ChildProcess, ChildProcess, ChildProcess];
    await ownsAll(children);
    c.kill("SIGKILL");
    await ownsAll([a, b]);
    b.kill("SIGSTOP");
    await ownsAll([a]);
    b.kill("SIGCONT");
    await until("it takes part again", async () => (await owned(b)).length > 0);
    await ownsAll([a, b]);
  });
});
