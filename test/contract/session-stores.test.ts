import { describe, expect, it } from "vitest";
import type { SessionStore } from "../../src/session/session-store.ts";
import { StoreError } from "../../src/session/store-error.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import {
  GRACE,
  makeMemorySessions,
  makeRedisSessions,
  openRedis,
  TTL,
  type MakeSessions,
} from "../support/session-stores.ts";

const MARGIN = 60_000;

const ODD = [
  ...["", " ", "\0", "\r\n", "a\nb", "{", "}", "{}", "a}b", "{a}b", "*", "?", "[a]", "a:b"],
  ...["session:{a}", "__proto__", "constructor", "ü", "u\u0308", "日本", "🚀", "'", '"', "\\"],
  ..."\u001b\u007f\u0080\u2028\ufeff".split(""),
  ...["a".repeat(10_000), "A".repeat(10_000)],
];

describe.each<[string, MakeSessions]>([
  ["memory", makeMemorySessions],
  ["Redis", makeRedisSessions],
])("sessions in %s", (_, make) => {
  describe("bind", () => {
    it("finds nothing to begin with, and then what it has bound", async () => {
      const { store } = await make();
      expect(await store.get("s")).toBeUndefined();
      expect(await store.bind("s", "a", undefined)).toBe("a");
      expect(await store.get("s")).toBe("a");
      expect(await store.get("t")).toBeUndefined();
    });

    it("leaves a session where it is, and tells where, when another was faster", async () => {
      const { store } = await make();
      await store.bind("s", "a", undefined);
      expect(await store.bind("s", "b", undefined)).toBe("a");
      expect(await store.get("s")).toBe("a");
    });

    it("moves a session from where it is expected, and from nowhere else", async () => {
      const { store } = await make();
      await store.bind("s", "a", undefined);
      expect(await store.bind("s", "b", "a")).toBe("b");
      expect(await store.bind("s", "c", "a")).toBe("b");
      expect(await store.bind("s", "c", "c")).toBe("b");
      expect(await store.get("s")).toBe("b");
      expect(await store.bind("s", "b", "b")).toBe("b");
    });

    it("binds a session that was expected somewhere and is gone", async () => {
      const { store } = await make();
      expect(await store.bind("s", "b", "a")).toBe("b");
      expect(await store.get("s")).toBe("b");
    });

    it("lets one of 200 win that come at once, and tells all of them", async () => {
      const { shared } = await make();
      const winners = await Promise.all(
        Array.from({ length: 200 }, async (__, i) => {
          return shared[i % shared.length]?.bind("s", `b${i}`, undefined);
        }),
      );
      expect(winners[0]).toMatch(/^b\d+$/);
      expect(new Set(winners).size).toBe(1);
      for (const store of shared) expect(await store.get("s")).toBe(winners[0]);
    });

    it("lets one of 200 win that move a session at once", async () => {
      const { store, shared } = await make();
      await store.bind("s", "gone", undefined);
      const winners = await Promise.all(
        Array.from({ length: 200 }, async (__, i) => {
          return shared[i % shared.length]?.bind("s", `b${i}`, "gone");
        }),
      );
      expect(winners[0]).toMatch(/^b\d+$/);
      expect(new Set(winners).size).toBe(1);
    });

    it("tells sessions apart, whatever characters their ids have", async () => {
      const { store } = await make();
      for (const [i, session] of ODD.entries()) {
        expect(await store.get(session)).toBeUndefined();
        expect(await store.bind(session, `b${i}`, undefined)).toBe(`b${i}`);
      }
      const found = await Promise.all(ODD.map(async (session) => store.get(session)));
      expect(found).toEqual(ODD.map((__, i) => `b${i}`));
      for (const [i, session] of ODD.entries()) {
        await store.touch(session, `b${i}`);
        await store.release(session, "other");
      }
      const again = await Promise.all(ODD.map(async (session) => store.get(session)));
      expect(again).toEqual(found);
    });

    it("takes every id that a backend may have", async () => {
      const { store } = await make();
      for (const backend of ["a", "0", "A.b_c:d-e", "b".repeat(128)]) {
        expect(await store.bind(`of ${backend}`, backend, undefined)).toBe(backend);
        expect(await store.get(`of ${backend}`)).toBe(backend);
      }
    });
  });

  describe("the time to live", () => {
    it("ends a session that nobody uses", async () => {
      const { store, age } = await make();
      await store.bind("s", "a", undefined);
      await age(TTL - MARGIN);
      expect(await store.get("s")).toBe("a");
      await age(MARGIN);
      expect(await store.get("s")).toBeUndefined();
      expect(await store.bind("s", "b", "a")).toBe("b");
    });

    it.each<[string, (store: SessionStore) => unknown]>([
      ["a touch", (store) => store.touch("s", "a")],
      ["a bind where it is", (store) => store.bind("s", "a", "a")],
      ["a bind that was too late", (store) => store.bind("s", "b", undefined)],
    ])("begins again with %s", async (__, use) => {
      const { store, age } = await make();
      await store.bind("s", "a", undefined);
      await age(TTL - MARGIN);
      await use(store);
      await age(TTL - MARGIN);
      expect(await store.get("s")).toBe("a");
      await age(MARGIN);
      expect(await store.get("s")).toBeUndefined();
    });

    it("does not begin again with a question", async () => {
      const { store, age } = await make();
      await store.bind("s", "a", undefined);
      await age(TTL - MARGIN);
      expect(await store.get("s")).toBe("a");
      await age(MARGIN);
      expect(await store.get("s")).toBeUndefined();
    });

    it("may be a fraction of a millisecond longer than whole ones", async () => {
      const { store } = await make({ ttlMs: TTL + 0.4, graceMs: GRACE + 0.6 });
      expect(await store.bind("s", "a", undefined)).toBe("a");
      await store.touch("s", "a");
      await store.release("s", "a");
      expect(await store.get("s")).toBe("a");
    });
  });

  describe("touch", () => {
    it("moves no session that is elsewhere", async () => {
      const { store } = await make();
      await store.bind("s", "a", undefined);
      await store.touch("s", "b");
      expect(await store.get("s")).toBe("a");
    });

    it("binds a session again that was lost", async () => {
      const { store, age } = await make();
      await store.touch("s", "a");
      expect(await store.get("s")).toBe("a");
      await age(TTL - MARGIN);
      expect(await store.bind("s", "b", undefined)).toBe("a");
    });

    it("ends a grace time: the session is in use again", async () => {
      const { store, age } = await make();
      await store.bind("s", "a", undefined);
      await store.release("s", "a");
      await store.touch("s", "a");
      await age(GRACE + MARGIN);
      expect(await store.get("s")).toBe("a");
    });
  });

  describe("release", () => {
    it("keeps a session for the grace time, and not longer", async () => {
      const { store, age } = await make();
      await store.bind("s", "a", undefined);
      await store.release("s", "a");
      await age(GRACE - MARGIN);
      expect(await store.get("s")).toBe("a");
      await age(MARGIN);
      expect(await store.get("s")).toBeUndefined();
    });

    it("frees a session at once where there is no grace time", async () => {
      const { store } = await make({ graceMs: 0 });
      await store.bind("s", "a", undefined);
      await store.release("s", "a");
      expect(await store.get("s")).toBeUndefined();
      expect(await store.bind("s", "b", undefined)).toBe("b");
    });

    it("leaves alone what is elsewhere, or nowhere", async () => {
      const { store, age } = await make({ graceMs: 0 });
      await store.bind("s", "a", undefined);
      await store.release("s", "b");
      await store.release("t", "a");
      expect(await store.get("t")).toBeUndefined();
      await age(TTL - MARGIN);
      expect(await store.get("s")).toBe("a");
    });
  });

  it("leave nothing open when they are closed, once and again", async () => {
    const { shared, open } = await make();
    await shared[0]?.bind("s", "a", undefined);
    expect(await open()).toBe(shared.length);
    for (const store of shared) {
      await store[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    }
    await until("all is closed", async () => (await open()) === 0);
  });
});

describe("sessions in Redis", () => {
  it("are told what was asked before they were closed, and nothing after", async () => {
    const redis = await startRedis();
    const [store, other] = [await openRedis(redis), await openRedis(redis)];
    const bound = store.bind("s", "a", undefined);
    await store[Symbol.asyncDispose]();
    expect(await bound).toBe("a");
    expect(await other.get("s")).toBe("a");
    await expect(store.get("s")).rejects.toThrow(StoreError);
    await expect(store.get("s")).rejects.toHaveProperty("code", "store_away");
  });

  it("refuse questions beyond 10,000 that wait, and answer again when they do not", async () => {
    const redis = await startRedis();
    const store = await openRedis(redis);
    const open = Array.from({ length: 10_000 }, () => store.touch("s", "a"));
    await expect(store.get("s")).rejects.toHaveProperty("code", "store_busy");
    await Promise.all(open);
    expect(await store.get("s")).toBe("a");
  });
});
