import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SessionLookup } from "../../src/proxy/session-lookup.ts";
import { MemorySessions } from "../../src/session/memory.ts";
import type { SessionStore } from "../../src/session/session-store.ts";
import { StoreError } from "../../src/session/store-error.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collectUnhandled, settle, SlowStore } from "../support/slow-store.ts";

const DEADLINE = 50;

interface Made {
  readonly lookup: SessionLookup;
  /** What the observer was told. */
  readonly seen: string[];
}

function over(store: SessionStore, clock: FakeClock): Made {
  const seen: string[] = [];
  const observer = {
    storeAnswered: (operation: string, seconds: number) => {
      seen.push(`${operation} took ${String(Math.round(seconds * 1000))} ms`);
    },
    storeFailed: (operation: string, cause: string) => void seen.push(`${operation}: ${cause}`),
  };
  const context = { store, storeDeadlineMs: DEADLINE, clock, observer };
  return { lookup: new SessionLookup(context), seen };
}

function make(): Made & { readonly store: SlowStore; readonly clock: FakeClock } {
  const store = new SlowStore();
  const clock = new FakeClock();
  return { store, clock, ...over(store, clock) };
}

const away = (): StoreError => new StoreError("store_away", new Error("gone"));

describe("a store that answers", () => {
  it("is asked what the request asks, and its answers are the request's", async () => {
    const { lookup, store, clock, seen } = make();
    const got = lookup.get("s");
    clock.advance(20);
    store.answer("a");
    expect(await got).toBe("a");
    const bound = lookup.bind("s", "b", "a");
    clock.advance(10);
    store.answer("c");
    expect(await bound).toBe("c");
    expect(store.asked).toEqual(["get s", "bind s to b, from a"]);
    expect(seen).toEqual(["get took 20 ms", "bind took 10 ms"]);
    expect(lookup.failed).toBe(false);
  });

  it("leaves no timer behind", async () => {
    const { lookup, store, clock } = make();
    const got = lookup.get("s");
    expect(clock.timers).toBe(1);
    store.answer(undefined);
    expect(await got).toBeUndefined();
    expect(clock.timers).toBe(0);
  });

  it("in this process needs none, and has no deadline", async () => {
    const clock = new FakeClock();
    await using sessions = new MemorySessions({ ttlMs: 1000, graceMs: 0, limit: 1 }, clock);
    const before = clock.timers;
    const { lookup, seen } = over(sessions, clock);
    const bound = lookup.bind("s", "a", undefined);
    expect(clock.timers).toBe(before);
    expect([await bound, await lookup.get("s"), await lookup.get("t")]).toEqual([
      "a",
      "a",
      undefined,
    ]);
    expect(seen).toEqual(["bind took 0 ms", "get took 0 ms", "get took 0 ms"]);
  });
});

describe("the deadline", () => {
  it("is one for all that a request asks", async () => {
    const { lookup, store, clock, seen } = make();
    const got = lookup.get("s");
    clock.advance(DEADLINE - 20);
    store.answer("a");
    await got;
    let isBound = false;
    const bound = lookup.bind("s", "b", "a").finally(() => (isBound = true));
    clock.advance(19);
    await settle();
    expect(isBound).toBe(false);
    clock.advance(1);
    expect(await bound).toBe("b");
    expect(seen).toEqual(["get took 30 ms", "bind: store_late"]);
  });

  it("does not run while the request waits for something else", async () => {
    const { lookup, store, clock } = make();
    const got = lookup.get("s");
    store.answer("a");
    await got;
    clock.advance(10 * DEADLINE);
    const bound = lookup.bind("s", "b", "a");
    clock.advance(DEADLINE - 1);
    store.answer("c");
    expect(await bound).toBe("c");
  });

  it("is each request's own", async () => {
    const { lookup, store, clock } = make();
    const got = lookup.get("s");
    clock.advance(DEADLINE);
    await got;
    expect(lookup.failed).toBe(true);
    const other = over(store, clock);
    const again = other.lookup.get("s");
    clock.advance(DEADLINE - 1);
    store.answer("nobody waits for it");
    store.answer("a");
    expect(await again).toBe("a");
  });

  it("ends, whenever answers come, what a request waits for the store in all", async () => {
    const delays = fc.array(fc.nat(DEADLINE), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(delays, async (answerAfterMs) => {
        const { lookup, store, clock, seen } = make();
        let waitedMs = 0;
        for (const delayMs of answerAfterMs) {
          if (lookup.failed) break;
          const askedMs = clock.nowMs();
          const answer = lookup.get("s").finally(() => (waitedMs += clock.nowMs() - askedMs));
          for (let ms = 0; ms < delayMs && !lookup.failed; ms++) {
            clock.advance(1);
            await settle();
          }
          if (!lookup.failed) store.answer("a");
          expect(await answer).toBe(lookup.failed ? undefined : "a");
        }
        // A question that is asked at the very end is given a millisecond still.
        expect(waitedMs).toBeLessThanOrEqual(DEADLINE + 1);
        expect(lookup.failed).toBe(seen.at(-1) === "get: store_late");
      }),
      { numRuns: 50 },
    );
  });
});

describe("a store that is late", () => {
  it("is not asked again: sessions are unbound, and bound where the request likes", async () => {
    const { lookup, store, clock, seen } = make();
    const got = lookup.get("s");
    clock.advance(DEADLINE);
    expect(await got).toBeUndefined();
    expect(lookup.failed).toBe(true);
    const others = [lookup.bind("s", "b", undefined), lookup.get("s")];
    expect(store.asked).toEqual(["get s"]);
    expect(await Promise.all(others)).toEqual(["b", undefined]);
    expect(seen).toEqual(["get: store_late"]);
    expect(clock.timers).toBe(0);
  });

  it.each([
    ["answer", (store: SlowStore) => store.answer("a")],
    ["failure", (store: SlowStore) => store.fail(away())],
  ])("has its %s ignored", async (_, end) => {
    const unhandled = collectUnhandled();
    const { lookup, store, clock, seen } = make();
    const got = lookup.get("s");
    clock.advance(DEADLINE);
    expect(await got).toBeUndefined();
    end(store);
    await settle();
    expect(seen).toEqual(["get: store_late"]);
    expect(unhandled).toEqual([]);
  });
});

describe("a store that fails", () => {
  it.each(["store_away", "store_busy", "store_late", "store_refused"] as const)(
    "is counted as %s, and not asked again",
    async (code) => {
      const unhandled = collectUnhandled();
      const { lookup, store, clock, seen } = make();
      const bound = lookup.bind("s", "b", "a");
      store.fail(new StoreError(code, new Error("no")));
      expect(await bound).toBe("b");
      expect(lookup.failed).toBe(true);
      const other = lookup.get("s");
      expect(store.asked).toHaveLength(1);
      expect(await other).toBeUndefined();
      expect(seen).toEqual([`bind: ${code}`]);
      expect(clock.timers).toBe(0);
      await settle();
      expect(unhandled).toEqual([]);
    },
  );

  it("by an error of our own is counted as internal", async () => {
    const { lookup, store, seen } = make();
    const got = lookup.get("s");
    store.fail(new TypeError("a defect"));
    expect(await got).toBeUndefined();
    expect(seen).toEqual(["get: internal"]);
  });

  it.each([
    ["internal", new TypeError("a defect")],
    ["store_away", away()],
  ])("by throwing is counted as %s, and does not reject", async (code, error) => {
    const store = new SlowStore();
    const throwing = {
      get: (): never => {
        throw error;
      },
    };
    const { lookup, seen } = over(Object.assign(store, throwing), new FakeClock());
    expect(await lookup.get("s")).toBeUndefined();
    const bound = lookup.bind("s", "b", undefined);
    expect(store.asked).toEqual([]);
    expect(await bound).toBe("b");
    expect(seen).toEqual([`get: ${code}`]);
  });
});
