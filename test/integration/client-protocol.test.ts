import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import type { ClientAsk } from "../../src/backend/protocol/client-answers.ts";
import type { ConnectionOptions } from "../../src/backend/fleet.ts";
import { startNode, type FleetNode } from "../support/node.ts";
import { until } from "../support/until.ts";

type Fields = Record<string, unknown>;

const delivery = "at-least-once";

let node: FleetNode;
let room: string;

beforeEach(async () => {
  room = `room.${randomUUID()}`;
  node = await startNode({
    broker: `memory:${randomUUID()}`,
    delivery: { ackTimeoutMs: 200, maxInFlight: 3 },
    presence: { graceMs: 50 },
  });
});

/** A client of `ringway.v1` by hand. */
class Peer {
  readonly socket: WebSocket;
  readonly #got: Fields[];

  constructor(socket: WebSocket, got: string[]) {
    this.socket = socket;
    this.#got = got as unknown as Fields[];
  }

  get got(): Fields[] {
    return (this.#got as unknown as string[]).map((text) => JSON.parse(text) as Fields);
  }

  send(fields: Fields): void {
    this.socket.send(JSON.stringify(fields));
  }

  /** The first message that has these fields. */
  async get(fields: Fields): Promise<Fields> {
    const isMeant = (message: Fields): boolean =>
      Object.entries(fields).every(([key, value]) => message[key] === value);
    await until(JSON.stringify(fields), () => this.got.some(isMeant));
    return this.got.find(isMeant) ?? {};
  }

  all(type: string): Fields[] {
    return this.got.filter((message) => message["type"] === type);
  }
}

async function peer(options: ConnectionOptions = { authorize: () => true }): Promise<Peer> {
  const { socket, got } = await node.connect(options, ["ringway.v1"]);
  return new Peer(socket, got);
}

describe("a client of ringway.v1", () => {
  it("is welcomed, with the session that the application names", async () => {
    const client = await peer({ session: "s1" });
    const welcome = { type: "welcome", session: "s1", node: node.fleet.id, inFlight: 3 };
    expect(await client.get({ type: "welcome" })).toMatchObject(welcome);
  });

  it("gets what is published with all that belongs to it, in the shape in which it was said", async () => {
    const client = await peer();
    client.send({ type: "join", n: 1, channel: room });
    expect(await client.get({ re: 1 })).toMatchObject({ type: "joined", delivery: "at-most-once" });
    const channel = node.fleet.channel(room);
    await channel.publish('a "text"');
    await channel.publish({ an: "object" });
    await channel.publish(Buffer.from([1, 2, 3]));
    await until("all have come", () => client.all("message").length === 3);
    const [text, data, bytes] = client.all("message");
    expect(text).toMatchObject({
      channel: room,
      text: 'a "text"',
      at: expect.any(Number) as number,
    });
    expect(data).toMatchObject({ data: { an: "object" } });
    expect(bytes).toMatchObject({ base64: "AQID" });
    expect(new Set([text, data, bytes].map((message) => message?.["id"])).size).toBe(3);
    expect(text).not.toHaveProperty("offset");
  });

  it("settles messages one by one and all at once, and gets no more than it may have", async () => {
    const client = await peer();
    client.send({ type: "join", n: 1, channel: room, delivery });
    const { epoch } = await client.get({ re: 1 });
    const channel = node.fleet.channel(room);
    for (let i = 1; i <= 6; i++) await channel.publish(String(i), { delivery });
    await until("three have come", () => client.all("message").length === 3);
    const [first, , third] = client.all("message");
    client.send({ type: "ack", channel: room, epoch, offsets: [first?.["offset"]] });
    await client.get({ text: "4" });
    client.send({ type: "ack", channel: room, epoch, through: third?.["offset"] });
    await client.get({ text: "6" });
    const texts = client.all("message").filter(({ deliveries }) => deliveries === 1);
    expect(texts.map(({ text }) => text)).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  it("gets again what it did not settle in time, or asks for", async () => {
    const client = await peer();
    client.send({ type: "join", n: 1, channel: room, delivery });
    const { epoch } = await client.get({ re: 1 });
    await node.fleet.channel(room).publish("once more", { delivery });
    const { offset } = await client.get({ type: "message", deliveries: 1 });
    client.send({ type: "nack", channel: room, epoch, offset, delayMs: 0 });
    await client.get({ type: "message", deliveries: 2 });
    expect(await client.get({ type: "message", deliveries: 3 })).toMatchObject({ offset });
  });

  it("goes on with its session where it stood, by its token alone", async () => {
    const token = "t".repeat(22);
    const options = { authorize: () => true };
    const protocols = ["ringway.v1", `session.${token}`];
    const before = await node.connect(options, protocols);
    const first = new Peer(before.socket, before.got);
    first.send({ type: "join", n: 1, channel: room, delivery });
    expect(await first.get({ re: 1 })).toMatchObject({ isNew: true });
    first.socket.terminate();
    await until("it has gone", () => node.fleet.connections.size === 0);
    await node.fleet.channel(room).publish("meanwhile", { delivery });
    const after = await node.connect(options, protocols);
    expect(after.connection.session).toBe(before.connection.session);
    expect(after.connection.session).not.toContain(token);
    const second = new Peer(after.socket, after.got);
    second.send({ type: "join", n: 1, channel: room, delivery });
    expect(await second.get({ re: 1 })).toMatchObject({ isNew: false });
    expect(await second.get({ type: "message" })).toMatchObject({ text: "meanwhile" });
    const stranger = await node.connect({ ...options, user: "mallory" }, protocols);
    expect(stranger.connection.session).not.toBe(before.connection.session);
  });

  it("loses its session to its next connection, with Close 4500", async () => {
    const [old, young] = [
      await peer({ session: "s", authorize: () => true }),
      await peer({ session: "s", authorize: () => true }),
    ];
    old.send({ type: "join", n: 1, channel: room, delivery });
    await old.get({ re: 1 });
    const closed = once(old.socket, "close");
    young.send({ type: "join", n: 1, channel: room, delivery });
    expect((await closed)[0]).toBe(4500);
    expect(await young.get({ re: 1 })).toMatchObject({ type: "joined", isNew: false });
  });

  it("is new again in a channel that it has left", async () => {
    const client = await peer();
    client.send({ type: "join", n: 1, channel: room, delivery });
    await client.get({ re: 1 });
    client.send({ type: "leave", n: 2, channel: room });
    expect(await client.get({ re: 2 })).toMatchObject({ type: "left", channel: room });
    await node.fleet.channel(room).publish("not for it", { delivery });
    client.send({ type: "join", n: 3, channel: room, delivery });
    expect(await client.get({ re: 3 })).toMatchObject({ isNew: true });
    await node.fleet.channel(room).publish("for it", { delivery });
    expect(await client.get({ type: "message" })).toMatchObject({ text: "for it" });
  });

  it("publishes each key once, however often it is sent, and to everybody in the channel", async () => {
    const [client, other] = [await peer(), await peer()];
    client.send({ type: "join", n: 1, channel: room, delivery });
    await client.get({ re: 1 });
    const publish = { type: "publish", channel: room, data: { x: 1 }, delivery, key: "k" };
    client.send({ ...publish, n: 2 });
    client.send({ ...publish, n: 3, again: true });
    const { id } = await client.get({ re: 2 });
    expect(await client.get({ re: 3 })).toMatchObject({ type: "published", id });
    // Another session's key is another one.
    other.send({ ...publish, n: 1 });
    expect((await other.get({ re: 1 }))["id"]).not.toBe(id);
    client.send({ type: "publish", n: 4, channel: room, text: "last" });
    await client.get({ text: "last" });
    await until("both have come", () => client.all("message").length >= 3);
    expect(client.all("message").filter((message) => message["id"] === id)).toHaveLength(1);
  });

  it("sees members and what becomes of them, but no session of theirs", async () => {
    const ann = await peer({ user: "ann", authorize: () => true });
    const bob = await peer({ user: "bob", authorize: () => true });
    ann.send({ type: "watch", n: 1, channel: room });
    await ann.get({ re: 1, type: "watching" });
    bob.send({ type: "join", n: 1, channel: room, presence: { name: "Bob" } });
    const member = { id: "bob", data: { name: "Bob" }, connections: 1 };
    expect(await ann.get({ type: "presence", event: "join" })).toEqual({
      type: "presence",
      channel: room,
      event: "join",
      member,
    });
    ann.send({ type: "members", n: 2, channel: room });
    expect(await ann.get({ re: 2 })).toMatchObject({
      type: "members",
      count: 1,
      members: [member],
    });
    ann.send({ type: "members", n: 3, channel: room, limit: 0 });
    expect(await ann.get({ re: 3 })).toMatchObject({ count: 1, members: [] });
    bob.socket.close();
    await ann.get({ type: "presence", event: "leave" });
    ann.send({ type: "unwatch", n: 4, channel: room });
    await ann.get({ re: 4, type: "unwatched" });
  });

  it("may do only what the application allows, which sees what is asked", async () => {
    const asked: ClientAsk[] = [];
    const authorize = (ask: ClientAsk): boolean => {
      asked.push(ask);
      return ask.action === "join";
    };
    const client = await peer({ user: "ann", authorize });
    client.send({ type: "join", n: 1, channel: room, presence: { name: "Ann" } });
    await client.get({ re: 1, type: "joined" });
    client.send({ type: "publish", n: 2, channel: room, text: "hi" });
    expect(await client.get({ re: 2 })).toMatchObject({ type: "error", code: "forbidden" });
    expect(asked[0]).toMatchObject({ action: "join", channel: room, presence: { name: "Ann" } });
    expect(asked[1]).toMatchObject({ action: "publish", channel: room, data: "hi" });
    expect(asked[0]?.connection.user).toBe("ann");
    for (const refusing of [{}, { authorize: () => Promise.reject(new Error("no database")) }]) {
      const other = await peer(refusing);
      other.send({ type: "join", n: 1, channel: room });
      expect(await other.get({ re: 1 })).toMatchObject({ code: "forbidden", retryable: false });
    }
  });

  it("hears what is wrong with a request, and goes on", async () => {
    const client = await peer();
    const wrong: Fields[] = [
      { type: "join", n: 1, channel: "no channel" },
      { type: "publish", n: 2, channel: room },
      { type: "publish", n: 3, channel: room, text: "a", data: 1 },
      { type: "publish", n: 4, channel: room, text: "a", delivery },
      { type: "publish", n: 5, channel: room, text: "a", delivery, key: "ü" },
      { type: "publish", n: 6, channel: room, text: "x".repeat(600_000) },
      { type: "members", n: 7, channel: room, limit: -1 },
      { type: "join", n: 8, channel: room, delivery: "sometimes" },
      { n: 9 },
    ];
    for (const fields of wrong) client.send(fields);
    client.send({ type: "ack", channel: room });
    client.send({ type: "of a later version", n: 10 });
    client.send({ type: "ping" });
    await client.get({ type: "pong" });
    const codes = ["bad_channel_name", ...Array<string>(4).fill("bad_request"), "message_too_big"];
    for (const [i, code] of [...codes, "bad_request", "bad_request", "bad_request"].entries()) {
      expect(await client.get({ re: i + 1 })).toMatchObject({ type: "error", code });
    }
  });

  it.each([
    ["no JSON", "}{"],
    ["no object", "[]"],
    ["bytes", Buffer.from("{}")],
  ])("is closed with 1007 when it sends %s", async (_, data) => {
    const client = await peer();
    const closed = once(client.socket, "close");
    client.socket.send(data);
    expect((await closed)[0]).toBe(1007);
  });

  it("is told when the application joins it", async () => {
    const { connection, socket, got } = await node.connect({}, ["ringway.v1"]);
    const client = new Peer(socket, got);
    await connection.join(room, { delivery });
    const joined = await client.get({ type: "joined", channel: room });
    expect(joined).toMatchObject({ delivery, isNew: true });
    expect(joined).not.toHaveProperty("re");
  });

  it("may try again what its node does not do any more, because it is leaving", async () => {
    const client = await peer();
    const leaving = node.fleet.leave({ waitMs: 60_000 });
    client.send({ type: "publish", n: 1, channel: room, data: 1, delivery, key: "k" });
    const refusal = { type: "error", code: "fleet_left", retryable: true };
    expect(await client.get({ re: 1 })).toMatchObject(refusal);
    client.socket.close();
    await leaving;
  });
});
