import { describe, expect, it } from "vitest";
import { SessionLookup } from "../../src/proxy/session-lookup.ts";
import type { SessionStore } from "../../src/session/session-store.ts";
import { StoreError } from "../../src/session/store-error.ts";
import { FakeClock } from "../support/fake-clock.ts";

function setUp(store: Partial<SessionStore>) {
  const clock = new FakeClock();
  const failures: string[] = [];
  const answers: string[] = [];
  const lookup = new SessionLookup({
    store: store as SessionStore,
    storeDeadlineMs: 50,
    clock,
    observer: {
      storeAnswered: (operation) => void answers.push(operation),
      storeFailed: (operation, cause) => void failures.push(`${operation} ${cause}`),
    },
  });
  return { clock, lookup, failures, answers };
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

describe("asking the session store", () => {
  it("takes answers that come at once, or in time", async () => {
    const { lookup, answers } = setUp({ get: () => "a", bind: () => Promise.resolve("b") });
    expect(await lookup.get("s")).toBe("a");
    expect(await lookup.bind("s", "a", undefined)).toBe("b");
    expect([answers, lookup.failed]).toEqual([["get", "bind"], false]);
  });

  it("ends with the deadline, over all questions together, and leaves no timer", async () => {
    let settle: (id: string) => void = () => undefined;
    const { clock, lookup, failures } = setUp({
      get: () => new Promise<string>((resolve) => (settle = resolve)),
      bind: () => never(),
    });
    const got = lookup.get("s");
    clock.advance(40);
    settle("a");
    expect(await got).toBe("a");
    const bound = lookup.bind("s", "b", "a");
    clock.advance(9);
    expect(lookup.failed).toBe(false);
    clock.advance(1);
    expect(await bound).toBe("b");
    expect([failures, clock.timers]).toEqual([["bind store_late"], 0]);
  });

  it("is not tried again by a request whose first question failed", async () => {
    let asked = 0;
    const fail = (): never => {
      asked++;
      throw new StoreError("store_away", new Error("gone"));
    };
    const { lookup, failures } = setUp({ get: fail, bind: fail });
    expect(await lookup.get("s")).toBeUndefined();
    expect(await lookup.bind("s", "a", undefined)).toBe("a");
    expect([asked, failures, lookup.failed]).toEqual([1, ["get store_away"], true]);
  });

  it("counts what is no error of a store as internal", async () => {
    const { lookup, failures } = setUp({ get: () => Promise.reject(new TypeError("bug")) });
    expect(await lookup.get("s")).toBeUndefined();
    expect(failures).toEqual(["get internal"]);
  });
});
