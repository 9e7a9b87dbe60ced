import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readMessage } from "../../src/client/node-message.ts";

/** One of each type, with all its fields. */
const MESSAGES: Record<string, unknown>[] = [
  { type: "welcome", session: "s", node: "n", heartbeatMs: 1, inFlight: 100 },
  {
    ...{ type: "joined", re: 1, channel: "c", delivery: "at-least-once" },
    ...{ offset: "1", epoch: "e", isNew: true },
  },
  { type: "left", re: 2 },
  { type: "published", re: 3, id: "i" },
  { type: "members", re: 4, count: 1, members: [{ id: "a", data: {}, connections: 1 }] },
  { type: "watching", re: 5 },
  { type: "unwatched", re: 6 },
  { type: "error", re: 3, code: "c", message: "m", retryable: true },
  { type: "message", channel: "c", id: "i", at: 1, text: "hi" },
  { type: "message", channel: "c", id: "i", at: 1, base64: "AAEC" },
  {
    ...{ type: "message", channel: "c", id: "i", at: 1, data: null },
    ...{ offset: "1", epoch: "e", deliveries: 2 },
  },
  {
    ...{ type: "gap", channel: "c", reason: "trimmed" },
    ...{ asked: { offset: "1", epoch: "e" }, resumes: { offset: "2", epoch: "e" } },
  },
  { type: "presence", channel: "c", event: "join", member: { id: "a", data: {}, connections: 1 } },
  { type: "pong" },
];

/** Fields that the client does not read, or that need not be there. */
const FREE = ["inFlight", "isNew", "retryable", "data"];

const read = (message: unknown): unknown => readMessage(JSON.stringify(message));

describe("what a node says", () => {
  it.each(MESSAGES)("is read: %j", (message) => {
    expect(read(message)).toMatchObject({ type: message["type"] });
    expect(read({ ...message, later: { a: 1 } })).toEqual(read(message));
  });

  it("is what was published: a text, bytes, or what JSON says", () => {
    const message = { type: "message", channel: "c", id: "i", at: 1 };
    expect(read({ ...message, text: "" })).toMatchObject({ data: "" });
    expect(read({ ...message, base64: "/wAB" })).toMatchObject({ data: Uint8Array.of(255, 0, 1) });
    expect(read({ ...message, data: [null] })).toMatchObject({ data: [null] });
    expect(read({ ...message, data: null })).toMatchObject({ data: null });
    expect(read(message)).toMatchObject({ type: "bad" });
    expect(read({ ...message, base64: "?" })).toMatchObject({ type: "bad" });
  });

  it("is passed over when its type is unknown", () => {
    expect(read({ type: "later", re: "x" })).toMatchObject({ type: "bad" });
    expect(read({ type: "later", re: 1 })).toBeUndefined();
  });

  it.each(MESSAGES.filter(({ type }) => type !== "pong"))(
    "is bad with a wrong field: %j",
    (message) => {
      for (const name of Object.keys(message).filter((each) => !FREE.includes(each))) {
        // No field may be a list of lists.
        const bad = read({ ...message, [name]: [[]] });
        expect([name, bad]).toEqual([name, expect.objectContaining({ type: "bad" })]);
      }
    },
  );

  it("says which request waits for it although it is bad", () => {
    expect(read({ type: "members", re: 4, count: "1" })).toMatchObject({ type: "bad", re: 4 });
  });

  it("never throws, whatever it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.anything()), (input) => {
        const message = readMessage(input);
        expect(message === undefined || typeof message.type === "string").toBe(true);
      }),
    );
    const value = fc.jsonValue({ maxDepth: 2 });
    const names = [...new Set(MESSAGES.flatMap((message) => Object.keys(message)))];
    const change = fc.dictionary(fc.constantFrom(...names), value);
    fc.assert(
      fc.property(fc.constantFrom(...MESSAGES), change, (message, changed) => {
        read({ ...message, ...changed });
      }),
      { numRuns: 1_000 },
    );
  });
});
