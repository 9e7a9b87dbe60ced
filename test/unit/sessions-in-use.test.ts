import { describe, expect, it } from "vitest";
import { SessionsInUse } from "../../src/proxy/sessions-in-use.ts";
import type { SessionStore } from "../../src/session/session-store.ts";
import { StoreError } from "../../src/session/store-error.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { member, poolOf } from "../support/live-pool.ts";

function setUp(failing = false) {
  const clock = new FakeClock();
  const pool = poolOf("a", "b");
  const told: string[] = [];
  const failures: string[] = [];
  const tell = (what: string): Promise<void> => {
    told.push(`${clock.nowMs()} ${what}`);
    return failing
      ? Promise.reject(new StoreError("store_away", new Error("gone")))
      : Promise.resolve();
  };
  const store = {
    touch: (session: string, id: string) => tell(`touch ${session} ${id}`),
    release: (session: string, id: string) => tell(`release ${session} ${id}`),
  } as unknown as SessionStore;
  const observer = {
    storeFailed: (operation: string, cause: string) => void failures.push(`${operation} ${cause}`),
  };
  const inUse = new SessionsInUse({ store, touchEveryMs: 1_000, clock, observer });
  const begin = (session: string | undefined, id: string, reason: "bound" | "policy" = "policy") =>
    inUse.begin(session, { backend: member(pool, id), reason });
  return { clock, pool, inUse, begin, told, failures };
}

describe("a session in use", () => {
  it("is touched in every period, and released at the end", () => {
    const { clock, begin, told } = setUp();
    const end = begin("s", "a");
    clock.advance(2_500);
    expect(told).toEqual(["1000 touch s a", "2000 touch s a"]);
    end();
    expect(told.at(-1)).toBe("2500 release s a");
    clock.advance(5_000);
    expect(told).toHaveLength(3);
  });

  it("is touched at once when it was bound before: its binding may be old", () => {
    const { begin, told } = setUp();
    begin("s", "a", "bound");
    expect(told).toEqual(["0 touch s a"]);
  });

  it("is released with its last use, at the backend that it was used at last", () => {
    const { begin, pool, told } = setUp();
    const [first, second] = [begin("s", "a"), begin("s", "b")];
    expect([member(pool, "a").sessions, member(pool, "b").sessions]).toEqual([0, 1]);
    first();
    expect(told).toEqual([]);
    second();
    expect(told).toEqual(["0 release s b"]);
    expect(member(pool, "b").sessions).toBe(0);
  });

  it("is nothing to a request without one", () => {
    const { clock, begin, told } = setUp();
    begin(undefined, "a")();
    clock.advance(5_000);
    expect(told).toEqual([]);
  });

  it("goes on when the store fails, which is counted", async () => {
    const { clock, begin, failures } = setUp(true);
    const end = begin("s", "a");
    clock.advance(1_000);
    end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(failures).toEqual(["touch store_away", "release store_away"]);
  });

  it("is told to another store after a change, in its rhythm", () => {
    const { clock, inUse, begin, told } = setUp();
    begin("s", "a");
    const others: string[] = [];
    const store = {
      touch: (session: string) => void others.push(`${clock.nowMs()} ${session}`),
    } as unknown as SessionStore;
    clock.advance(500);
    inUse.keepIn({ store, touchEveryMs: 600 });
    clock.advance(1_000);
    expect([told, others]).toEqual([[], ["620 s", "1220 s"]]);
    inUse[Symbol.dispose]();
    expect(clock.timers).toBe(0);
  });
});
