import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireFace } from "../../src/backend/broker/broker.ts";
import type { Store } from "../../src/backend/broker/store.ts";
import { brokerServers, openNode } from "../support/brokers.ts";
import { endLasting } from "../support/when-done.ts";

const SETUP_MS = 60_000;

afterAll(endLasting);

describe.each(brokerServers.filter(({ hasStore }) => hasStore))("a store on $name", ({ start }) => {
  let store: Store;
  let other: Store;
  beforeAll(async () => {
    const url = await start();
    const [a, b] = await Promise.all([openNode(url), openNode(url)]);
    store = requireFace(a, "store", "this test");
    other = requireFace(b, "store", "this test");
  }, SETUP_MS);

  it("gives back on any node what was written, with the version that replaces it", async () => {
    const key = `k/${randomUUID()}`;
    const first = await store.write(key, '{"a": "b c"}', undefined);
    expect(await other.read(key)).toEqual(
      new Map([[key, { value: '{"a": "b c"}', version: first }]]),
    );
    const second = await other.write(key, "2", first);
    expect(second).not.toBe(first);
    expect((await store.read(key)).get(key)).toEqual({ value: "2", version: second });
  });

  it("writes nothing over what is not expected", async () => {
    const key = `k/${randomUUID()}`;
    const first = await store.write(key, "1", undefined);
    expect(await other.write(key, "x", undefined)).toBeUndefined();
    await store.write(key, "2", first);
    expect(await other.write(key, "x", first)).toBeUndefined();
    expect((await store.read(key)).get(key)?.value).toBe("2");
    expect(await other.write(`${key}.absent`, "x", first)).toBeUndefined();
  });

  it("lets one of 50 writers win", async () => {
    const key = `k/${randomUUID()}`;
    const writes = Array.from({ length: 50 }, (_, i) =>
      (i % 2 === 0 ? store : other).write(key, String(i), undefined),
    );
    const versions = await Promise.all(writes);
    const winners = versions.flatMap((version, i) => (version === undefined ? [] : [String(i)]));
    expect(winners).toHaveLength(1);
    expect((await store.read(key)).get(key)?.value).toBe(winners[0]);
  });

  it("removes what is expected, and nothing else; then it can be written anew", async () => {
    const key = `k/${randomUUID()}`;
    const first = await store.write(key, "1", undefined);
    const second = await store.write(key, "2", first);
    expect(await other.remove(key, first ?? "")).toBe(false);
    expect(await other.remove(key, second ?? "")).toBe(true);
    expect(await other.remove(key, second ?? "")).toBe(false);
    expect(await store.read(key)).toEqual(new Map());
    const third = await store.write(key, "3", undefined);
    expect(third).toBeDefined();
    expect(third).not.toBe(first);
    expect(third).not.toBe(second);
    expect(await store.write(key, "x", second)).toBeUndefined();
  });

  it("reads by the beginning of the key", async () => {
    const root = `p/${randomUUID()}`;
    for (const key of ["", "/a", "/b.c", ".x"]) await store.write(root + key, key, undefined);
    const keys = [...(await other.read(`${root}/`)).keys()];
    expect(keys.sort()).toEqual([`${root}/a`, `${root}/b.c`]);
  });
});
