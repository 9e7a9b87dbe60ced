import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ChannelPresence } from "../../src/backend/presence/channel-presence.ts";
import { brokerServers } from "../support/brokers.ts";
import { startNode, type FleetClient, type FleetNode } from "../support/node.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { endLasting } from "../support/when-done.ts";

const SETUP_MS = 60_000;
const GRACE_MS = 1_000;
const LEASE_MS = 2_000;
const presence = { graceMs: GRACE_MS, leaseMs: LEASE_MS };

let room: string;

beforeEach(() => {
  room = `room.${randomUUID()}`;
});
afterAll(endLasting);

function presenceAt(node: FleetNode): ChannelPresence {
  return node.fleet.channel(room).presence;
}

/** `+ann`, `~ann` and `-ann` as they happen at a node. */
async function eventsAt(node: FleetNode): Promise<string[]> {
  const events: string[] = [];
  const signs = { join: "+", update: "~", leave: "-" };
  const { ready } = presenceAt(node).observe((event, { id }) => events.push(signs[event] + id));
  await ready;
  return events;
}

async function idsAt(node: FleetNode): Promise<string[]> {
  return (await presenceAt(node).members()).map(({ id }) => id);
}

async function close({ socket }: FleetClient): Promise<void> {
  socket.close();
  await once(socket, "close");
}

describe.each(brokerServers)("presence on $name", ({ start }) => {
  let broker: string;
  let a: FleetNode;
  let b: FleetNode;
  beforeAll(async () => {
    broker = await start();
    [a, b] = await Promise.all([startNode({ broker, presence }), startNode({ broker, presence })]);
  }, SETUP_MS);

  async function member(node: FleetNode, user: string, data: unknown = {}): Promise<FleetClient> {
    const client = await node.connect({ user });
    await client.connection.join(room, { presence: data });
    return client;
  }

  it("makes one member of several connections of a user, with the metadata of the last", async () => {
    const events = await eventsAt(b);
    const first = await member(a, "ann", { name: "Ann" });
    await until("she has joined", () => events.length === 1);
    await member(b, "ann", { name: "Ann at work" });
    await member(a, "bob", { name: "Bob" });
    await until("all is told", () => events.length === 3);
    expect(events).toEqual(["+ann", "~ann", "+bob"]);
    const list = await presenceAt(a).members();
    expect(list.map(({ id, data, connections }) => [id, data, connections.length])).toEqual([
      ["ann", { name: "Ann at work" }, 2],
      ["bob", { name: "Bob" }, 1],
    ]);
    expect(await presenceAt(b).members()).toEqual(list);
    expect(await presenceAt(b).count()).toBe(2);
    first.connection.leave(room);
    await until("one of hers is left", async () => {
      const [ann] = await presenceAt(b).members();
      return ann?.connections.length === 1;
    });
    expect(events).toEqual(["+ann", "~ann", "+bob"]);
  });

  it("tells of leaving at once, and of a lost connection when the grace time is over", async () => {
    const [atA, atB] = [await eventsAt(a), await eventsAt(b)];
    const [ann, bob] = [await member(a, "ann"), await member(b, "bob")];
    await until("both are there", () => atA.length === 2 && atB.length === 2);
    ann.connection.leave(room);
    await until("she has left", () => atA.length === 3 && atB.length === 3);
    await close(bob);
    expect(await idsAt(a)).toEqual(["bob"]);
    await until("he has left", () => atA.length === 4 && atB.length === 4);
    expect(atA.slice(2)).toEqual(["-ann", "-bob"]);
    expect(atB.slice(2)).toEqual(["-ann", "-bob"]);
    expect(await idsAt(b)).toEqual([]);
  });

  it("does not notice who comes back within the grace time, to whatever node", async () => {
    const [atA, atB] = [await eventsAt(a), await eventsAt(b)];
    let client = await member(a, "ann");
    for (const node of [a, b, b, a]) {
      await close(client);
      client = await member(node, "ann");
    }
    const end = await member(b, "zoe");
    await until("the end is told", () => atA.includes("+zoe") && atB.includes("+zoe"));
    await close(end);
    await until("what lingered is over", () => atA.includes("-zoe") && atB.includes("-zoe"));
    expect(atA).toEqual(["+ann", "+zoe", "-zoe"]);
    expect(atB).toEqual(["+ann", "+zoe", "-zoe"]);
    expect((await presenceAt(b).members())[0]?.connections).toHaveLength(1);
  });

  it("gives a new node the whole list, in pages that every node cuts alike", async () => {
    const users = Array.from({ length: 250 }, (_, i) => `user-${String(i).padStart(4, "0")}`);
    await Promise.all(users.map((user, i) => member(i % 2 === 0 ? a : b, user, { n: i })));
    const late = await startNode({ broker, presence });
    expect(await idsAt(late)).toEqual(users);
    expect(await presenceAt(late).count()).toBe(users.length);
    const page = await presenceAt(late).members({ limit: 100, after: users[99] ?? "" });
    expect(page.map(({ id }) => id)).toEqual(users.slice(100, 200));
    expect(await presenceAt(a).members()).toEqual(await presenceAt(late).members());
    await late.fleet.leave({ overMs: 0 });
  });

  it("keeps the members of a node that leaves for the grace time, so that they can move", async () => {
    const leaving = await startNode({ broker, presence });
    const events = await eventsAt(b);
    await member(leaving, "ann");
    await member(leaving, "bob");
    await until("they are there", () => events.length === 2);
    const left = leaving.fleet.leave({ overMs: 0 });
    await member(a, "ann");
    await left;
    await until("he has left", () => events.length === 3);
    expect(events.slice(2)).toEqual(["-bob"]);
    expect(await idsAt(a)).toEqual(["ann"]);
  });

  it("refuses metadata that can't be told", async () => {
    const { connection } = await a.connect();
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    for (const data of [circular, () => undefined, "x".repeat(5_000)]) {
      await expect(connection.join(room, { presence: data })).rejects.toMatchObject({
        code: "bad_message",
      });
    }
    await expect(presenceAt(a).members({ limit: 0 })).rejects.toMatchObject({
      code: "bad_message",
    });
  });
});

describe("presence while Redis is away", () => {
  it("keeps the members, and learns afterwards what has changed meanwhile", async () => {
    const redis = await startRedis();
    const [a, b] = await Promise.all([
      startNode({ broker: redis.url, presence }),
      startNode({ broker: redis.url, presence }),
    ]);
    const join = async (node: FleetNode, user: string): Promise<FleetClient> => {
      const client = await node.connect({ user });
      await client.connection.join(room, { presence: {} });
      return client;
    };
    const events = await eventsAt(b);
    await join(a, "ann");
    const bob = await join(a, "bob");
    await until("both are there", () => events.length === 2);
    await redis.kill();
    bob.connection.leave(room);
    await join(a, "cid");
    await redis.restart();
    await until("the changes are told", () => events.length === 4);
    expect(events.slice(2).sort()).toEqual(["+cid", "-bob"]);
    expect(await idsAt(b)).toEqual(["ann", "cid"]);
  }, 60_000);
});
