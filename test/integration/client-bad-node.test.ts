import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RingwayClientError } from "../../src/client/client-error.ts";
import type { Closing } from "../../src/client/link.ts";
import { openClient, startClient } from "../support/scripted-client.ts";
import { ScriptedNode, type Fields } from "../support/scripted-node.ts";
import { until } from "../support/until.ts";

const GARBAGE: (string | Buffer)[] = [
  ...["", "no JSON", "null", "true", "17", '"text"', "[]", "{}", '{"type":17}', '{"type":null}'],
  Buffer.from('{"type":"pong"}'),
  Buffer.from([0, 255, 254]),
  `${"[".repeat(5_000)}${"]".repeat(5_000)}`,
];

describe("a client whose node makes mistakes", () => {
  it("says what it can't understand, and goes on", async () => {
    const { client, connection } = await startClient();
    const errors: RingwayClientError[] = [];
    client.on("error", (error) => errors.push(error));
    for (const each of GARBAGE) connection.raw(each);
    await until("all of it was read", () => errors.length === GARBAGE.length);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["bad_message"]));
    const joined = client.channel("room").join();
    await connection.join();
    await joined;
  });

  it("survives whatever comes, and still does its work", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room");
    room.on("message", () => undefined);
    room.on("presence", () => undefined);
    const joined = room.join({ delivery: "at-least-once" });
    await connection.join();
    await joined;
    const name = fc.constantFrom(
      ...["type", "re", "channel", "id", "at", "data", "text", "base64", "offset", "epoch"],
      ...["member", "members", "event", "count", "code", "message", "asked", "resumes", "isNew"],
    );
    const value = fc.oneof(
      fc.constantFrom("room", "join", "leave", "1", "e", 0, 1, 1e6, null, true),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const type = fc.constantFrom(
      ...["welcome", "joined", "left", "published", "members", "watching", "unwatched", "error"],
      ...["message", "gap", "presence", "pong", "later"],
    );
    const message = fc.tuple(fc.dictionary(name, value), type);
    // Not the answer to what is asked at the end.
    const isAnswer = ({ re }: Fields): boolean => typeof re === "number" && re > 0 && re < 100;
    for (const [fields, of] of fc.sample(message, 2_000)) {
      const said = { ...fields, type: of };
      if (!isAnswer(said)) connection.say(said);
    }
    const published = room.publish("still here", { delivery: "at-least-once" });
    const { n: re } = await connection.hear("publish");
    connection.say({ type: "published", re, id: "x" });
    await published;
    expect(client.state).toBe("open");
  });

  it("passes over answers that nobody waits for, and takes a wrong one for an error", async () => {
    const { client, connection } = await startClient();
    const room = client.channel("room");
    const members = room.members();
    const { n: re } = await connection.hear("members");
    connection.say(
      { type: "left", re: 999, channel: "room" },
      { type: "left", re, channel: "room" },
    );
    await expect(members).rejects.toMatchObject({ code: "bad_message" });
    const count = room.count();
    const again = await connection.hear("members");
    connection.say({ type: "members", re: again.n, channel: "room", count: "many" });
    await expect(count).rejects.toMatchObject({ code: "bad_message", channel: "room" });
  });

  it("keeps nothing of channels that it is not in", async () => {
    const { client, connection } = await startClient();
    const got: unknown[] = [];
    client.on("message", (message) => got.push(message));
    client.on("gap", (gap) => got.push(gap));
    const room = client.channel("room");
    const joined = room.join();
    await connection.join();
    await joined;
    const left = room.leave();
    const { n: re } = await connection.hear("leave");
    connection.say({ type: "left", re, channel: "room" });
    const message = { type: "message", id: "a", at: 1, text: "" };
    connection.say({ ...message, channel: "room" }, { ...message, channel: "unknown" });
    connection.say({ type: "gap", channel: "unknown", reason: "trimmed" });
    await left;
    const other = client.channel("other").join();
    await connection.join();
    await other;
    expect(got).toEqual([]);
  });

  it("wants one welcome, first of all", async () => {
    const { client, connection } = await startClient();
    const nodes: string[] = [];
    client.on("open", ({ node }) => nodes.push(node));
    await until("it is open", () => nodes.length === 1);
    connection.welcome({ node: "node-2" });
    const joined = client.channel("room").join();
    await connection.join();
    await joined;
    expect(nodes).toEqual(["node-1"]);
  });

  it("tries again when there is no welcome, or a bad one", async () => {
    const node = await ScriptedNode.start();
    const client = openClient(node.url, { timeoutMs: 100 });
    const closings: Closing[] = [];
    client.on("close", (closing) => closings.push(closing));
    (await node.accept()).say({ type: "joined", channel: "room", delivery: "at-most-once" });
    (await node.accept()).say({ type: "welcome", session: 17 });
    (await node.accept()).raw("hello, and welcome");
    (await node.accept()).welcome();
    await until("it is open", () => client.state === "open");
    expect(closings.map(({ code }) => code)).toEqual([1006, 1006, 1006]);
    expect(closings.map(({ reason }) => reason.split(":")[0])).toEqual([
      ...["there was no welcome in time", "no welcome", "no welcome"],
    ]);
  });
});

describe("a handler that fails", () => {
  it("is reported by the client with what it has thrown", async () => {
    const { client, connection } = await startClient();
    const failed = new Promise<RingwayClientError>((resolve) => client.on("error", resolve));
    const cause = new Error("mine");
    client.channel("room").on("message", () => {
      throw cause;
    });
    const joined = client.channel("room").join();
    await connection.join();
    await joined;
    connection.say({ type: "message", channel: "room", id: "a", at: 1, text: "" });
    expect(await failed).toMatchObject({ code: "handler_failed", channel: "room", cause });
  });
});

describe("a client that is closed", () => {
  it("leaves no timer and no socket behind", async () => {
    const { node, client, connection } = await startClient({
      signal: new AbortController().signal,
    });
    const before = process.getActiveResourcesInfo();
    const others = [0, 1, 2].map(() => openClient(node.url));
    const [open, lost] = [(await node.accept()).welcome(), (await node.accept()).welcome()];
    await until("they are open", () => others.filter(({ state }) => state === "open").length === 2);
    const calls = others.map((other) => other.channel("room").join());
    const ended = Promise.allSettled(calls);
    lost.cut();
    await Promise.all(others.map((other) => other.close()));
    await ended;
    await open.closed;
    await until("all is as it was", () => {
      const left = process.getActiveResourcesInfo();
      return (
        count(left, "Timeout") <= count(before, "Timeout") + 1 && // that of `until`
        count(left, "TCPSocketWrap") <= count(before, "TCPSocketWrap")
      );
    });
    await client.close();
    await connection.closed;
  });
});

function count(resources: readonly string[], kind: string): number {
  return resources.filter((each) => each === kind).length;
}
