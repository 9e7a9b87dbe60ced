import { describe, expect, it } from "vitest";
import type { Gap, PresenceEvent } from "../../src/client/types.ts";
import type { Message } from "../../src/client/message.ts";
import { openClient, startClient, webSockets } from "../support/scripted-client.ts";
import { ScriptedNode } from "../support/scripted-node.ts";
import { until } from "../support/until.ts";

const kept = { type: "message", channel: "room:1", at: 1_753_000_000_000, epoch: "e" };

describe.each(webSockets)("a client with the WebSocket of %s", (_, WebSocket) => {
  it("offers the protocol, names its session, and says that it is connected", async () => {
    const node = await ScriptedNode.start();
    const session = "0123456789abcdefghijkl";
    const client = openClient(`${node.url}?a=b`, { session, WebSocket });
    const opened = new Promise((resolve) => client.on("open", resolve));
    const connection = await node.accept();
    expect(connection.request.headers["sec-websocket-protocol"]).toBe("ringway.v1");
    expect(connection.request.url).toBe(`/ws?a=b&session=${session}`);
    expect(client.state).toBe("connecting");
    connection.welcome();
    expect(await opened).toEqual({ session: "hash", node: "node-1" });
    expect(client.state).toBe("open");
    await client.close();
    expect(await connection.closed).toEqual({ code: 1000, reason: "" });
  });

  it("names its session beside the protocol where queries are logged", async () => {
    const node = await ScriptedNode.start();
    const session = "0123456789abcdefghijkl";
    openClient(node.url, { session, sessionIn: "subprotocol", WebSocket });
    const { request } = await node.accept();
    expect(request.url).toBe("/ws");
    const offered = request.headers["sec-websocket-protocol"]?.split(/, */);
    expect(offered).toEqual(["ringway.v1", `session.${session}`]);
  });

  it("asks after silence whether the node is there", async () => {
    const node = await ScriptedNode.start();
    openClient(node.url, { WebSocket });
    const connection = (await node.accept()).welcome({ heartbeatMs: 1_000 });
    expect(await connection.hear("ping")).toEqual({ type: "ping" });
    connection.say({ type: "pong" });
    await connection.hear("ping");
  });

  it("connects again after a cut, under the same session", async () => {
    const { node, connection, client } = await startClient({ WebSocket });
    const events: string[] = [];
    client.on("close", ({ code, isFinal }) => events.push(`close ${code} ${isFinal}`));
    client.on("reconnecting", ({ attempt }) => events.push(`reconnecting ${attempt}`));
    client.on("open", ({ node: name }) => events.push(`open ${name}`));
    await until("it is open", () => client.state === "open");
    connection.cut();
    const second = (await node.accept()).welcome({ node: "node-2" });
    expect(second.session).toBe(connection.session);
    await until("it is open again", () => client.state === "open");
    expect(events.slice(-3)).toEqual(["close 1006 false", "reconnecting 1", "open node-2"]);
  });
});

describe("a channel of a client", () => {
  it("is joined with what the application wants, and anew when that changes", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room:1");
    expect(client.channel("room:1")).toBe(room);
    const joined = room.join({ delivery: "at-least-once", presence: { name: "Ann" } });
    const asked = await connection.join();
    expect(asked).toEqual({
      ...{ type: "join", n: asked.n, channel: "room:1" },
      ...{ delivery: "at-least-once", presence: { name: "Ann" } },
    });
    await joined;
    const again = room.join();
    expect(await connection.join()).toEqual({ type: "join", n: asked.n + 1, channel: "room:1" });
    await again;
  });

  it("is joined and left in the order of the calls, each when the one before is answered", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room:1");
    const done: string[] = [];
    for (const name of ["a", "b"]) {
      void room.join({ presence: name }).then(() => done.push(`joined ${name}`));
      void room.leave().then(() => done.push(`left ${name}`));
    }
    for (const name of ["a", "b"]) {
      expect(await connection.join()).toMatchObject({ presence: name });
      const { n: re } = await connection.hear("leave");
      connection.say({ type: "left", re, channel: "room:1" });
    }
    await until("all is done", () => done.length === 4);
    expect(done).toEqual(["joined a", "left a", "joined b", "left b"]);
  });

  it("tells why it can't be joined, and asks again where that may help", async () => {
    const { client, connection } = await startClient();
    const secret = client.channel("secret").join();
    const { n: re } = await connection.hear("join");
    connection.say({ type: "error", re, code: "forbidden", message: "no", retryable: false });
    await expect(secret).rejects.toMatchObject({
      ...{ name: "RingwayClientError", code: "forbidden", message: "no", retryable: false },
    });
    const busy = client.channel("busy").join();
    const first = await connection.hear("join");
    const refusal = { type: "error", re: first.n, code: "broker_away", message: "later" };
    connection.say({ ...refusal, retryable: true });
    expect((await connection.join()).n).not.toBe(first.n);
    await busy;
  });

  it("gets texts, bytes and what JSON says", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room:1");
    const got: Message[] = [];
    room.on("message", (message) => void got.push(message));
    void room.join();
    await connection.join();
    connection.say(
      { ...kept, id: "a", text: "hi" },
      { ...kept, id: "b", base64: "AP8=" },
      { ...kept, id: "c", data: { text: "hi" } },
      { ...kept, id: "d", data: null, offset: "7", deliveries: 3 },
    );
    await until("all have come", () => got.length === 4);
    expect(got.map(({ data }) => data)).toEqual([
      ...["hi", Uint8Array.of(0, 255), { text: "hi" }, null],
    ]);
    const [first, last] = [got[0], got[3]];
    expect(first).toMatchObject({
      id: "a",
      channel: "room:1",
      publishedAt: kept.at,
      deliveries: 1,
    });
    expect(first?.offset).toBeUndefined();
    expect(last).toMatchObject({ id: "d", offset: "7", deliveries: 3 });
  });

  it("hands over what came with the answer to its join, to a handler that was added after it", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room:1");
    const joined = room.join();
    const { n: re } = await connection.hear("join");
    connection.say(
      { type: "joined", re, channel: "room:1", delivery: "at-most-once" },
      { ...kept, id: "a", text: "early" },
    );
    await joined;
    expect(await new Promise((resolve) => room.on("message", resolve))).toMatchObject({ id: "a" });
  });

  it("settles what was dealt with, and asks again for what was not", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room:1");
    room.on("message", async ({ data }) => {
      await Promise.resolve();
      if (data === "bad") throw new Error("this one is bad");
    });
    client.on("error", () => undefined);
    void room.join({ delivery: "at-least-once" });
    await connection.join();
    connection.say({ ...kept, id: "a", text: "good", offset: "2" });
    expect(await connection.hear("ack")).toEqual({
      ...{ type: "ack", channel: "room:1", epoch: "e", offsets: ["2"] },
    });
    connection.say({ ...kept, id: "b", text: "bad", offset: "3" });
    expect(await connection.hear("nack")).toEqual({
      ...{ type: "nack", channel: "room:1", epoch: "e", offset: "3" },
      reason: "Error: this one is bad",
    });
  });

  it("leaves settling to the application where it wants that", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room:1");
    const got: Message[] = [];
    room.on("message", (message) => void got.push(message));
    void room.join({ delivery: "at-least-once", ack: "manual" });
    await connection.join();
    connection.say({ ...kept, id: "a", text: "", offset: "2" });
    connection.say({ ...kept, id: "b", text: "", offset: "3" });
    await until("both have come", () => got.length === 2);
    got[1]?.ack();
    got[0]?.nack({ delay: 5_000, reason: "busy" });
    expect(await connection.hear("nack")).toMatchObject({
      offset: "2",
      delayMs: 5_000,
      reason: "busy",
    });
    expect(await connection.hear("ack")).toMatchObject({ offsets: ["3"] });
  });

  it("is told of gaps", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room:1");
    const gaps: Gap[] = [];
    room.on("gap", (gap) => gaps.push(gap));
    client.on("gap", (gap) => gaps.push(gap));
    void room.join({ delivery: "at-least-once" });
    await connection.join();
    const gap = {
      ...{ channel: "room:1", reason: "trimmed" },
      ...{ asked: { offset: "18", epoch: "e" }, resumes: { offset: "951", epoch: "e" } },
    };
    connection.say({ type: "gap", ...gap });
    await until("both know", () => gaps.length === 2);
    expect(gaps).toEqual([gap, gap]);
  });

  it("tells who is in it, and of changes while somebody listens", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room:1");
    const ann = { id: "ann", data: { name: "Ann" }, connections: 2 };
    const members = room.members({ limit: 10, after: "aaa" });
    const page = await connection.hear("members");
    expect(page).toMatchObject({ channel: "room:1", limit: 10, after: "aaa" });
    connection.say({ type: "members", re: page.n, channel: "room:1", count: 7, members: [ann] });
    expect(await members).toEqual([ann]);
    const count = room.count();
    const counting = await connection.hear("members");
    expect(counting).toMatchObject({ limit: 0 });
    connection.say({ type: "members", re: counting.n, channel: "room:1", count: 7, members: [] });
    expect(await count).toBe(7);

    const events: PresenceEvent[] = [];
    const offs = [1, 2].map(() => room.on("presence", (event) => events.push(event)));
    const { n: re } = await connection.hear("watch");
    connection.say({ type: "watching", re, channel: "room:1" });
    const change = { channel: "room:1", event: "leave", member: ann };
    connection.say({ type: "presence", ...change });
    await until("both listeners know", () => events.length === 2);
    expect(events[0]).toMatchObject(change);
    for (const off of offs) off();
    const unwatch = await connection.hear("unwatch");
    connection.say({ type: "unwatched", re: unwatch.n, channel: "room:1" });
    await client.close();
    // One listener, or two: the node is asked once.
    expect(connection.unread).toEqual([]);
  });

  it("hears of a channel that the application has joined it to, and does not join that again", async () => {
    const { node, client, connection } = await startClient();
    const got: Message[] = [];
    client.on("message", (message) => void got.push(message));
    const place = { offset: "1", epoch: "e", isNew: false };
    connection.say({ type: "joined", channel: "news", delivery: "at-least-once", ...place });
    connection.say({ ...kept, channel: "news", id: "a", text: "extra", offset: "2" });
    expect(await connection.hear("ack")).toMatchObject({ channel: "news", offsets: ["2"] });
    expect(got).toMatchObject([{ channel: "news", data: "extra" }]);
    connection.cut();
    const second = (await node.accept()).welcome();
    await until("it is open again", () => client.state === "open");
    await client.close();
    await second.closed;
    expect(second.unread).toEqual([]);
  });
});
