import { describe, expect, it } from "vitest";
import type { Closing } from "../../src/client/link.ts";
import type { Message } from "../../src/client/message.ts";
import type { Gap } from "../../src/client/types.ts";
import { openClient, startClient } from "../support/scripted-client.ts";
import { ScriptedNode } from "../support/scripted-node.ts";
import { until } from "../support/until.ts";

const kept = { type: "message", channel: "room", at: 1, text: "", epoch: "e" };
const reliable = { delivery: "at-least-once" } as const;

describe("a client that connects again", () => {
  it("joins and watches again, asks again, and sends again what was not confirmed, in this order", async () => {
    const { node, client, connection } = await startClient();
    const room = client.channel("room");
    const other = client.channel("other");
    const joined = [room.join({ ...reliable, presence: "Ann" }), other.join(), other.leave()];
    for (let i = 0; i < 2; i++) await connection.join();
    const { n: re } = await connection.hear("leave");
    connection.say({ type: "left", re, channel: "other" });
    await Promise.all(joined);
    room.on("presence", () => undefined);
    await connection.hear("watch");
    const count = room.count();
    const published = room.publish("kept", { ...reliable, key: "order-17" });
    const unconfirmed = expect(room.publish("once")).rejects.toMatchObject({
      ...{ code: "unconfirmed", retryable: false, channel: "room" },
    });
    await connection.hear("publish");
    connection.cut();
    await unconfirmed;

    const second = (await node.accept()).welcome();
    const join = await second.hear("join");
    const place = { offset: "1", epoch: "e", isNew: false };
    second.say({ type: "joined", re: join.n, channel: "room", ...reliable, ...place });
    expect(join).toMatchObject({ channel: "room", ...reliable, presence: "Ann" });
    await second.hear("watch");
    const members = await second.hear("members");
    second.say({ type: "members", re: members.n, channel: "room", count: 3, members: [] });
    expect(await count).toBe(3);
    const again = await second.hear("publish");
    expect(again).toMatchObject({ text: "kept", key: "order-17", again: true, ...reliable });
    second.say({ type: "published", re: again.n, id: "x" });
    await published;
    await client.close();
    await second.closed;
    expect(second.unread).toEqual([]);
  });

  it("goes on with a call to join or leave that was not answered", async () => {
    const { node, client, connection } = await startClient();
    const room = client.channel("room");
    const joined = room.join();
    await connection.hear("join");
    connection.cut();
    const second = (await node.accept()).welcome();
    await second.join();
    await joined;
    const left = room.leave();
    await second.hear("leave");
    second.cut();
    const third = (await node.accept()).welcome();
    await third.join(); // it was in there for all that is known
    const { n: re } = await third.hear("leave");
    third.say({ type: "left", re, channel: "room" });
    await left;
  });

  it("says so when the node does not let it in again, and asks no more", async () => {
    const { node, client, connection } = await startClient();
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    const joined = client.channel("room").join();
    await connection.join();
    await joined;
    connection.cut();
    const second = (await node.accept()).welcome();
    const { n: re } = await second.hear("join");
    second.say({ type: "error", re, code: "forbidden", message: "banned", retryable: false });
    await until("the application knows", () => errors.length === 1);
    expect(errors).toMatchObject([{ code: "forbidden", channel: "room" }]);
    second.cut();
    const third = (await node.accept()).welcome();
    await until("it is open again", () => client.state === "open");
    await client.close();
    await third.closed;
    expect(third.unread).toEqual([]);
  });

  it("reports as a gap that the fleet has forgotten its place", async () => {
    const { node, client, connection } = await startClient();
    const room = client.channel("room");
    const gaps: Gap[] = [];
    room.on("gap", (gap) => gaps.push(gap));
    room.on("message", () => undefined);
    const joined = room.join(reliable);
    await connection.join({ isNew: true });
    await joined;
    expect(gaps).toEqual([]); // it was never in there before
    connection.say({ ...kept, id: "a", offset: "2" });
    await connection.hear("ack");
    connection.cut();
    await (await node.accept()).welcome().join({ isNew: true, offset: "90", epoch: "f" });
    await until("the application knows", () => gaps.length === 1);
    expect(gaps).toEqual([
      {
        ...{ channel: "room", reason: "forgotten" },
        ...{ asked: { offset: "2", epoch: "e" }, resumes: { offset: "90", epoch: "f" } },
      },
    ]);
  });

  it("settles at once what comes again and was dealt with, without handing it over", async () => {
    const { node, client, connection } = await startClient();
    const room = client.channel("room");
    const got: string[] = [];
    room.on("message", ({ id }) => got.push(id));
    const joined = room.join(reliable);
    await connection.join();
    await joined;
    connection.say({ ...kept, id: "a", offset: "2" });
    await connection.hear("ack");
    connection.cut();
    const second = (await node.accept()).welcome();
    await second.join({ isNew: false });
    second.say({ ...kept, id: "a", offset: "2", deliveries: 2 }, { ...kept, id: "b", offset: "3" });
    expect(await second.hear("ack")).toMatchObject({ offsets: ["2", "3"] });
    expect(got).toEqual(["a", "b"]);
  });

  it("settles what was in progress on the connection that is open when it ends", async () => {
    const { node, client, connection } = await startClient();
    const room = client.channel("room");
    const got: Message[] = [];
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    room.on("message", async (message) => {
      got.push(message);
      await ended;
    });
    const joined = room.join(reliable);
    await connection.join();
    await joined;
    connection.say({ ...kept, id: "a", offset: "2" });
    await until("it is in progress", () => got.length === 1);
    connection.cut();
    const second = (await node.accept()).welcome();
    await second.join({ isNew: false });
    // The log was begun anew: the copy stands elsewhere.
    second.say({ ...kept, id: "a", offset: "700", epoch: "f", deliveries: 2 });
    second.say({ type: "presence", channel: "room", event: "?", member: {} });
    await new Promise((resolve) => client.on("error", resolve)); // all before it was read
    end();
    expect(await second.hear("ack")).toMatchObject({ epoch: "f", offsets: ["700"] });
    expect(got).toHaveLength(1);
  });

  it("waits as long as a refused handshake asks for, and ends where that is no use", async () => {
    const node = await ScriptedNode.start();
    node.refuse(503, { "retry-after": "1" });
    node.refuse(500);
    node.refuse(403);
    const client = openClient(node.url);
    const closings: Closing[] = [];
    client.on("close", (closing) => closings.push(closing));
    await until("it is over", () => client.state === "closed");
    expect(closings).toMatchObject([
      { code: 1006, reason: "the handshake was answered 503", isFinal: false },
      { code: 1006, reason: "the handshake was answered 500", isFinal: false },
      { code: 1006, reason: "the handshake was answered 403", isFinal: true },
    ]);
    expect(closings[0]?.retryInMs).toBeGreaterThanOrEqual(1_000);
    expect(closings[1]?.retryInMs).toBeLessThan(1_000);
    expect(node.handshakes).toBe(3);
  });

  it("connects to a server that appears later", async () => {
    const node = await ScriptedNode.start();
    const { port } = new URL(node.url);
    await node.stop();
    const client = openClient(node.url);
    const closings: Closing[] = [];
    client.on("close", (closing) => closings.push(closing));
    await until("it has tried", () => closings.length >= 3);
    const later = await ScriptedNode.start(Number(port));
    (await later.accept()).welcome();
    await until("it is open", () => client.state === "open");
    expect(closings.every(({ code, isFinal }) => code === 1006 && !isFinal)).toBe(true);
  });

  it("tries again when the server does not choose the protocol", async () => {
    const node = await ScriptedNode.start(0, { handleProtocols: () => false });
    const client = openClient(node.url);
    const closings: Closing[] = [];
    client.on("close", (closing) => closings.push(closing));
    await until("it has tried", () => closings.length >= 2);
    expect(closings[1]).toMatchObject({ code: 1006, isFinal: false });
  });

  it("ends with the codes that say so, and rejects what waits", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room");
    const closed = new Promise((resolve) => client.on("close", resolve));
    const calls = [
      ...[room.join(), room.leave(), room.members(), room.count()],
      ...[room.publish("a"), room.publish("b", reliable)],
    ];
    await connection.hear("publish");
    connection.close(1008, "you are banned");
    expect(await closed).toEqual({ code: 1008, reason: "you are banned", isFinal: true });
    const outcomes = await Promise.allSettled([
      ...calls,
      room.join(),
      room.publish("c"),
      room.count(),
    ]);
    const codes = outcomes.map((each) => (each.status === "rejected" ? codeOf(each.reason) : each));
    expect(codes).toEqual([
      ...["closed", "closed", "closed", "closed", "unconfirmed", "closed"],
      ...["closed", "closed", "closed"],
    ]);
  });
});

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
