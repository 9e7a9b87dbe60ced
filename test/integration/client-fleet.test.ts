import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import type { Closing } from "../../src/client/link.ts";
import type { Message } from "../../src/client/message.ts";
import type { Gap, PresenceEvent } from "../../src/client/types.ts";
import { behindRelay, startClientNode } from "../support/client-node.ts";
import { openClient } from "../support/scripted-client.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { endLasting } from "../support/when-done.ts";

const delivery = "at-least-once";
const session = "0123456789abcdefghijkl";

let redis = "";
beforeAll(async () => {
  redis = (await startRedis()).url;
});
afterAll(endLasting);

const brokers = [
  ["memory", () => `memory:${randomUUID()}`],
  ["Redis", () => redis],
] as const;

/** Texts of the numbers below this one. */
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

describe.each(brokers)("a client of a fleet on %s", (_, brokerUrl) => {
  const open = async (options = {}) => {
    const fleet = { broker: brokerUrl(), namespace: `t${randomUUID()}` };
    const start = () => startClientNode({ ...fleet, ...options });
    return { start, node: await start() };
  };

  it("gets what others publish, once and in order, and publishes itself", async () => {
    const { node } = await open();
    const [ann, bob] = [openClient(node.url), openClient(node.url)];
    const got: unknown[] = [];
    ann.channel("room").on("message", ({ data }) => got.push(data));
    await ann.channel("room").join();
    const sent = ["text", { an: "object" }, [1, null], 17, Buffer.from([0, 255]), ...numbers(300)];
    await Promise.all(sent.map((data) => bob.channel("room").publish(data)));
    await until("all have come", () => got.length >= sent.length);
    expect(got).toEqual(
      sent.map((data) => (data instanceof Buffer ? Uint8Array.from(data) : data)),
    );
  });

  it("misses nothing and handles nothing twice while its network is cut again and again", async () => {
    const { start, node } = await open();
    const other = await start();
    const near = await behindRelay(node);
    const far = await behindRelay(other);
    const reader = openClient(near.url);
    const writer = openClient(far.url);
    const got: unknown[] = [];
    reader.channel("room").on("message", async ({ data }) => {
      got.push(data);
      await new Promise((resolve) => setImmediate(resolve));
    });
    await reader.channel("room").join({ delivery });
    const sent = numbers(400);
    const published = (async () => {
      for (const text of sent) await writer.channel("room").publish(text, { delivery });
    })();
    for (let cuts = 0; cuts < 8; cuts++) {
      const before = got.length;
      await until("it goes on", () => got.length > before + 20);
      const { relay } = cuts % 2 === 0 ? near : far;
      relay.cut();
      relay.restore();
    }
    await published;
    await until("all have come", () => got.length >= sent.length);
    expect(got).toEqual(sent);
  });

  it("keeps the order of what it publishes without waiting, through a lost connection", async () => {
    const { node } = await open();
    const { relay, url } = await behindRelay(node);
    const reader = openClient(node.url);
    const writer = openClient(url);
    const got: unknown[] = [];
    reader.channel("room").on("message", ({ data }) => got.push(data));
    await reader.channel("room").join({ delivery });
    const sent = numbers(800);
    const published = Promise.all(
      sent.map((text) => writer.channel("room").publish(text, { delivery })),
    );
    await until("some have come", () => got.length > 10);
    relay.cut();
    relay.restore();
    await published;
    await until("all have come", () => got.length >= sent.length);
    expect(got).toEqual(sent);
  });

  it("goes on at another node, where its session stood", async () => {
    const { start, node } = await open();
    const other = await start();
    const { relay, url } = await behindRelay(node);
    const client = openClient(url);
    const nodes: string[] = [];
    const closings: Closing[] = [];
    client.on("open", (opening) => nodes.push(opening.node));
    client.on("close", (closing) => closings.push(closing));
    const got: unknown[] = [];
    const gaps: Gap[] = [];
    client.channel("room").on("message", ({ data }) => got.push(data));
    client.on("gap", (gap) => gaps.push(gap));
    await client.channel("room").join({ delivery });
    await other.fleet.channel("room").publish("before", { delivery });
    await until("one has come", () => got.length === 1);
    relay.restore(other.port);
    await node.fleet.leave({ overMs: 0 });
    await other.fleet.channel("room").publish("after", { delivery });
    await until("the other has come", () => got.length === 2);
    expect(got).toEqual(["before", "after"]);
    expect(nodes).toEqual([node.fleet.id, other.fleet.id]);
    expect(closings).toMatchObject([{ code: 1012, isFinal: false }]);
    expect(gaps).toEqual([]);
  });

  it("gets again what its handler has failed with", async () => {
    const { node } = await open();
    const client = openClient(node.url);
    const deliveries: number[] = [];
    client.on("error", () => undefined);
    client.channel("room").on("message", (message) => {
      deliveries.push(message.deliveries);
      if (message.deliveries === 1) message.nack({ delay: 0 });
      if (message.deliveries === 2) throw new Error("not yet");
    });
    await client.channel("room").join({ delivery });
    await client.channel("room").publish("once more", { delivery });
    await until("it has come three times", () => deliveries.length === 3);
    expect(deliveries).toEqual([1, 2, 3]);
  });

  it("has as many messages to settle by hand as the node allows, and no more", async () => {
    const { node } = await open({ delivery: { maxInFlight: 3 } });
    const client = openClient(node.url);
    const got: Message[] = [];
    client.channel("room").on("message", (message) => got.push(message));
    await client.channel("room").join({ delivery, ack: "manual" });
    for (const text of numbers(6)) await client.channel("room").publish(text, { delivery });
    await until("three have come", () => got.length === 3);
    for (const message of got.slice(0, 3)) message.ack();
    await until("the others have come", () => got.length === 6);
    expect(got.map(({ data }) => data)).toEqual(numbers(6));
  });

  it("is told what retention has taken while it was away", async () => {
    const { node } = await open({ retention: { messages: 5 } });
    const { relay, url } = await behindRelay(node);
    const client = openClient(url);
    const gaps: Gap[] = [];
    const got: unknown[] = [];
    client.on("gap", (gap) => gaps.push(gap));
    client.channel("room").on("message", ({ data }) => got.push(data));
    await client.channel("room").join({ delivery });
    relay.cut();
    await until("the node knows", () => node.fleet.connections.size === 0);
    for (const text of numbers(500)) await node.fleet.channel("room").publish(text, { delivery });
    relay.restore();
    await until("the last has come", () => got.includes("499"));
    expect(gaps).toMatchObject([{ channel: "room", reason: "trimmed" }]);
    expect(got).toEqual(numbers(500).slice(-got.length));
    expect(got.length).toBeLessThan(500);
  });

  it("sees who is in a channel: a user with two connections is one member", async () => {
    const { node } = await open({ presence: { graceMs: 50 } });
    const watcher = openClient(node.url);
    const events: string[] = [];
    const room = watcher.channel("room");
    room.on("presence", ({ event, member }: PresenceEvent) => {
      events.push(`${event} ${member.id} ${member.connections}`);
    });
    const probe = openClient(`${node.url}?user=probe`).channel("room");
    let joins = 0;
    await until("it watches", async () => {
      await probe.join({ presence: ++joins });
      return events.length > 0;
    });
    await probe.leave();
    await until("it has left", () => events.includes("leave probe 0"));
    events.length = 0;
    const tabs: Client[] = [];
    for (let i = 0; i < 2; i++) {
      const tab = openClient(`${node.url}?user=ann`);
      await tab.channel("room").join({ presence: { name: "Ann" } });
      tabs.push(tab);
    }
    const ann = { id: "ann", data: { name: "Ann" }, connections: 2 };
    await until("both are there", async () => (await room.members())[0]?.connections === 2);
    expect(await room.members()).toEqual([ann]);
    expect(await room.count()).toBe(1);
    await tabs[0]?.close();
    await until("one has gone", async () => (await room.members())[0]?.connections === 1);
    await tabs[1]?.channel("room").leave();
    await until("she has left", () => events.includes("leave ann 0"));
    expect(events.filter((event) => /^(join|leave)/.test(event))).toEqual([
      ...["join ann 1", "leave ann 0"],
    ]);
  });

  it("may do what the application allows, and hears what it does not", async () => {
    const { node } = await open({ forbidden: "secret" });
    const client = openClient(node.url);
    const room = client.channel("secret");
    const forbidden = { code: "forbidden", channel: "secret", retryable: false };
    await expect(room.join()).rejects.toMatchObject(forbidden);
    await expect(room.publish("x")).rejects.toMatchObject(forbidden);
    await expect(room.members()).rejects.toMatchObject(forbidden);
    const nameless = client.channel("no channel").join();
    await expect(nameless).rejects.toMatchObject({ code: "bad_channel_name" });
    const large = client.channel("room").publish("x".repeat(600_000), { delivery });
    await expect(large).rejects.toMatchObject({ code: "message_too_big" });
  });

  it("ends when another one takes its session over, if the token is the application's", async () => {
    const { node } = await open();
    const clients = [0, 1].map(() => openClient(node.url, { session }));
    const closings: Closing[] = [];
    clients[0]?.on("close", (closing) => closings.push(closing));
    for (const client of clients) await client.channel("room").join({ delivery });
    await until("the first has ended", () => clients[0]?.state === "closed");
    expect(closings).toMatchObject([{ code: 4500, isFinal: true }]);
    expect(clients[1]?.state).toBe("open");
  });
});
