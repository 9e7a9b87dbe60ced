import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { requireFace } from "../../src/backend/broker/broker.ts";
import type { Cursors } from "../../src/backend/broker/cursors.ts";
import { brokerServers, openNode } from "../support/brokers.ts";
import { until } from "../support/until.ts";
import { endLasting } from "../support/when-done.ts";

const SETUP_MS = 60_000;

let cursors: Cursors;
let other: Cursors;
let url: string;
let key: string;

beforeEach(() => {
  key = `room:1/${randomUUID()}.x@y=+~!$,-`;
});
afterAll(endLasting);

describe.each(brokerServers.filter(({ hasStore }) => hasStore))("cursors on $name", ({ start }) => {
  beforeAll(async () => {
    url = await start();
    const [a, b] = await Promise.all([openNode(url), openNode(url)]);
    cursors = requireFace(a, "cursors", "this test");
    other = requireFace(b, "cursors", "this test");
  }, SETUP_MS);

  it("are found by any node, under keys of the characters that channels have", async () => {
    expect(await cursors.get(key)).toBeUndefined();
    const version = await cursors.write(key, '{"at":1}', undefined);
    expect(await other.get(key)).toMatchObject({ value: `{"at":1}`, version });
    expect(await other.get(`${key}x`)).toBeUndefined();
  });

  it("are written by the one of two who knew the last version", async () => {
    const first = await cursors.write(key, "1", undefined);
    expect(await other.write(key, "2", undefined)).toBeUndefined();
    const second = await other.write(key, "2", first);
    expect(second).toBeDefined();
    expect(await cursors.write(key, "3", first)).toBeUndefined();
    expect(await cursors.get(key)).toMatchObject({ value: "2", version: second });
    const both = [cursors.write(key, "a", second), other.write(key, "b", second)];
    const winners = (await Promise.all(both)).filter((version) => version !== undefined);
    expect(winners).toHaveLength(1);
  });
});

describe.each(brokerServers.filter(({ name }) => ["memory", "Redis", "NATS"].includes(name)))(
  "cursors on $name that nobody writes any more",
  ({ start }) => {
    it("end, later than what they point to", async () => {
      const ageMs = 1_000;
      const node = await openNode(await start(), { retention: { messages: 10, ageMs } });
      const { cursors: short } = node;
      await short?.write(key, "1", undefined);
      await new Promise((resolve) => setTimeout(resolve, ageMs * 1.2));
      expect(await short?.get(key)).toMatchObject({ value: "1" });
      await until("it has ended", async () => (await short?.get(key)) === undefined);
      expect(await short?.write(key, "2", undefined)).toBeDefined();
    });
  },
);
