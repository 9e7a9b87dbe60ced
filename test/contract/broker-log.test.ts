import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { requireFace } from "../../src/backend/broker/broker.ts";
import type { Log, LogSlice, Position } from "../../src/backend/broker/log.ts";
import { brokerServers, openNode, RETENTION } from "../support/brokers.ts";
import { until } from "../support/until.ts";
import { endLasting } from "../support/when-done.ts";

const SETUP_MS = 60_000;

let log: Log;
let other: Log;
let channel: string;

async function open(start: () => Promise<string>): Promise<void> {
  const url = await start();
  const [a, b] = await Promise.all([openNode(url), openNode(url)]);
  log = requireFace(a, "log", "this test");
  other = requireFace(b, "log", "this test");
}

async function append(...texts: string[]): Promise<Position[]> {
  return appendTo(log, channel, texts);
}

async function appendTo(to: Log, name: string, texts: readonly string[]): Promise<Position[]> {
  const entries = texts.map((text) => ({ id: randomUUID(), payload: Buffer.from(text) }));
  return (await to.append(name, entries)).map(({ position }) => position);
}

function textsOf({ entries }: LogSlice): string[] {
  return entries.map(({ payload }) => payload.toString());
}

beforeEach(() => {
  channel = `log.${randomUUID()}`;
});
afterAll(endLasting);

describe.each(brokerServers)("a log on $name", ({ start }) => {
  beforeAll(() => open(start), SETUP_MS);

  it("gives back on any node what was appended, in order, from any position on", async () => {
    const before = await log.end(channel);
    const positions = await append("a", "b", "c", "d");
    await appendTo(log, `${channel}.other`, ["x"]);
    const all = await other.read(channel, before, 100);
    expect(textsOf(all)).toEqual(["a", "b", "c", "d"]);
    expect(all.gap).toBeUndefined();
    expect(all.entries.map(({ position }) => position)).toEqual(positions);
    const middle = await other.read(channel, positions[0], 2);
    expect(textsOf(middle)).toEqual(["b", "c"]);
    expect(textsOf(await other.read(channel, middle.next, 100))).toEqual(["d"]);
    expect(textsOf(await other.read(channel, undefined, 100))).toEqual(["a", "b", "c", "d"]);
  });

  it("has nothing behind its end, and then only what comes later", async () => {
    await append("old");
    const end = await log.end(channel);
    const empty = await log.read(channel, end, 10);
    expect(textsOf(empty)).toEqual([]);
    expect(empty.gap).toBeUndefined();
    await append("new");
    expect(textsOf(await other.read(channel, empty.next, 10))).toEqual(["new"]);
    expect(textsOf(await other.read(channel, end, 10))).toEqual(["new"]);
  });

  it("says that a position is of another epoch, and goes on with the oldest that is left", async () => {
    const [first] = await append("a", "b");
    const asked = { offset: first?.offset ?? "", epoch: "another" };
    const slice = await log.read(channel, asked, 10);
    expect(slice.gap).toMatchObject({ reason: "epoch", asked });
    expect(textsOf(slice)).toEqual(["a", "b"]);
    const later = await log.read(channel, slice.next, 10);
    expect(later.gap).toBeUndefined();
    expect(textsOf(later)).toEqual([]);
  });

  it("keeps bytes as they are", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await log.append(channel, [{ id: "bytes", payload: bytes }]);
    const { entries } = await other.read(channel, undefined, 10);
    expect(entries[0]?.payload.equals(bytes)).toBe(true);
  });

  it("keeps all of what two nodes append at once, each in its order", async () => {
    const texts = Array.from({ length: 20 }, (_, i) => String(i));
    const write = async (to: Log, name: string): Promise<void> => {
      for (const text of texts.slice(0, 10)) await appendTo(to, channel, [name + text]);
    };
    await Promise.all([write(log, "a"), write(other, "b")]);
    const all = textsOf(await log.read(channel, undefined, 100));
    for (const name of ["a", "b"]) {
      expect(all.filter((text) => text.startsWith(name))).toEqual(
        texts.slice(0, 10).map((text) => name + text),
      );
    }
  });
});

describe.each(brokerServers.filter(({ countsEntries }) => countsEntries))(
  "retention by count on $name",
  ({ start }) => {
    beforeAll(() => open(start), SETUP_MS);
    const texts = Array.from({ length: RETENTION.messages + 5 }, (_, i) => String(i));

    it("drops the oldest entries of a channel, and tells who comes too late", async () => {
      const beginning = await log.end(channel);
      const positions = await append(...texts);
      for (const late of [beginning, positions[0], positions[2]]) {
        const slice = await other.read(channel, late, 100);
        expect(slice.gap).toMatchObject({ reason: "trimmed", asked: late });
        expect(textsOf(slice).slice(-RETENTION.messages)).toEqual(texts.slice(5));
        expect((await other.read(channel, slice.gap?.resumes, 100)).gap).toBeUndefined();
      }
    });

    it("tells nothing to who has seen all that was dropped", async () => {
      const positions = await append(...texts);
      for (const at of [4, 5, texts.length - 1]) {
        const slice = await other.read(channel, positions[at], 100);
        expect(slice.gap).toBeUndefined();
        expect(textsOf(slice)).toEqual(texts.slice(at + 1));
      }
    });

    it("leaves other channels alone", async () => {
      await appendTo(log, `${channel}.quiet`, ["kept"]);
      await append(...texts);
      expect(textsOf(await other.read(`${channel}.quiet`, undefined, 10))).toEqual(["kept"]);
    });
  },
);

describe.each(brokerServers.filter(({ knowsIds }) => knowsIds))(
  "what is appended twice on $name",
  ({ start }) => {
    beforeAll(() => open(start), SETUP_MS);

    it("is one entry, by whatever node, on each channel for itself", async () => {
      const one = { id: "order-17", payload: Buffer.from("first") };
      const [first] = await log.append(channel, [one]);
      const again = { ...one, payload: Buffer.from("again") };
      const next = { id: "order-18", payload: Buffer.from("next") };
      const [same, other18] = await other.append(channel, [again, next]);
      expect(first?.isNew).toBe(true);
      expect(same).toEqual({ ...first, isNew: false });
      expect(other18?.isNew).toBe(true);
      expect(other18?.position).not.toEqual(first?.position);
      await other.append(`${channel}.other`, [again]);
      expect(textsOf(await log.read(channel, undefined, 10))).toEqual(["first", "next"]);
      expect(textsOf(await log.read(`${channel}.other`, undefined, 10))).toEqual(["again"]);
    });
  },
);

describe.each(brokerServers.filter(({ name }) => ["memory", "Redis", "NATS"].includes(name)))(
  "retention by age on $name",
  ({ start }) => {
    it("drops an entry and its id together, however many are too old at once", async () => {
      const retention = { messages: 1_000, ageMs: 2_000 };
      const short = requireFace(await openNode(await start(), { retention }), "log", "this test");
      const old = Array.from({ length: 300 }, (_, i) => ({
        id: `old-${i}`,
        payload: Buffer.from("old"),
      }));
      const [first] = await short.append(channel, old);
      expect((await short.append(channel, old)).every(({ isNew }) => isNew === false)).toBe(true);
      let fresh = 0;
      await until("the old ones are gone", async () => {
        await appendTo(short, channel, [`fresh ${++fresh}`]);
        return !textsOf(await short.read(channel, undefined, 1_000)).includes("old");
      });
      const slice = await short.read(channel, first?.position, 1_000);
      expect(slice.gap).toMatchObject({ reason: "trimmed" });
      expect(textsOf(slice).at(-1)).toBe(`fresh ${fresh}`);
      await until("their ids are gone", async () => {
        return (await short.append(channel, old.slice(0, 1)))[0]?.isNew === true;
      });
      expect(textsOf(await short.read(channel, slice.next, 10))).toEqual(["old"]);
    });
  },
);
