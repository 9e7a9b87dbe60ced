import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemorySessions } from "../../src/session/memory.ts";
import { FakeClock } from "../support/fake-clock.ts";

const TTL = 1000;

function make(limit = 100, ttlMs = TTL): { sessions: MemorySessions; clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, sessions: new MemorySessions({ ttlMs, graceMs: ttlMs, limit }, clock) };
}

describe("a session", () => {
  it("is bound to nothing at first", () => {
    expect(make().sessions.get("s")).toBeUndefined();
  });

  it("stays with the backend that it was bound to", () => {
    const { sessions } = make();
    expect(sessions.bind("s", "a", undefined)).toBe("a");
    expect(sessions.get("s")).toBe("a");
    expect(sessions.get("t")).toBeUndefined();
  });

  it("goes to the first of two that bind it at once; the second learns who won", () => {
    const { sessions } = make();
    expect(sessions.bind("s", "a", undefined)).toBe("a");
    expect(sessions.bind("s", "b", undefined)).toBe("a");
    expect(sessions.get("s")).toBe("a");
  });

  it("moves when its holder is the expected one", () => {
    const { sessions } = make();
    sessions.bind("s", "a", undefined);
    expect(sessions.bind("s", "b", "a")).toBe("b");
    expect(sessions.bind("s", "c", "a")).toBe("b");
    expect(sessions.get("s")).toBe("b");
  });

  it("can be bound to the backend that holds it", () => {
    const { sessions } = make();
    sessions.bind("s", "a", undefined);
    expect(sessions.bind("s", "a", "a")).toBe("a");
  });

  it("is bound anew when the expected holder has been forgotten", () => {
    const { sessions } = make();
    expect(sessions.bind("s", "b", "a")).toBe("b");
    expect(sessions.get("s")).toBe("b");
  });

  it("may have any name", () => {
    const { sessions } = make();
    for (const name of ["", "__proto__", "constructor", "\0"]) {
      expect(sessions.get(name)).toBeUndefined();
      expect(sessions.bind(name, "a", undefined)).toBe("a");
      expect(sessions.get(name)).toBe("a");
    }
  });
});

describe("an unused session", () => {
  it("is forgotten after its time to live, and not before", () => {
    const { sessions, clock } = make();
    sessions.bind("s", "a", undefined);
    clock.advance(TTL - 1);
    expect(sessions.get("s")).toBe("a");
    clock.advance(1);
    expect(sessions.get("s")).toBeUndefined();
  });

  it("is not kept by being asked for", () => {
    const { sessions, clock } = make();
    sessions.bind("s", "a", undefined);
    for (let i = 0; i < 10; i++) {
      sessions.get("s");
      clock.advance(TTL / 10);
    }
    expect(sessions.get("s")).toBeUndefined();
  });

  it("is kept by a touch, a bind, or a lost race", () => {
    const { sessions, clock } = make();
    for (const name of ["touched", "bound", "raced"]) sessions.bind(name, "a", undefined);
    clock.advance(TTL - 1);
    sessions.touch("touched", "a");
    sessions.bind("bound", "a", "a");
    sessions.bind("raced", "b", undefined);
    clock.advance(TTL - 1);
    for (const name of ["touched", "bound", "raced"]) expect(sessions.get(name)).toBe("a");
  });

  it("is bound again where it is in use, when the store has lost it", () => {
    const { sessions, clock } = make();
    sessions.bind("s", "a", undefined);
    clock.advance(TTL);
    sessions.touch("s", "b");
    expect(sessions.get("s")).toBe("b");
  });

  it("is not moved by a use at another backend", () => {
    const { sessions } = make();
    sessions.bind("s", "a", undefined);
    sessions.touch("s", "b");
    sessions.release("s", "b");
    expect(sessions.get("s")).toBe("a");
  });

  it("goes to whoever binds it next, also to one that expected the old holder", () => {
    const { sessions, clock } = make();
    sessions.bind("s", "a", undefined);
    clock.advance(TTL);
    expect(sessions.bind("s", "b", "a")).toBe("b");
  });
});

describe("a released session", () => {
  it("stays bound for the grace time, and not longer", () => {
    const clock = new FakeClock();
    const sessions = new MemorySessions({ ttlMs: TTL, graceMs: 100, limit: 10 }, clock);
    sessions.bind("s", "a", undefined);
    sessions.release("s", "a");
    clock.advance(99);
    expect(sessions.get("s")).toBe("a");
    clock.advance(1);
    expect(sessions.get("s")).toBeUndefined();
  });

  it("is free at once without a grace time", () => {
    const sessions = new MemorySessions({ ttlMs: TTL, graceMs: 0, limit: 10 }, new FakeClock());
    sessions.bind("s", "a", undefined);
    sessions.release("s", "a");
    expect(sessions.bind("s", "b", undefined)).toBe("b");
  });
});

describe("a full store", () => {
  it("forgets the session that was unused for the longest", () => {
    const { sessions } = make(3);
    for (const name of ["s1", "s2", "s3"]) sessions.bind(name, name, undefined);
    sessions.touch("s1", "s1");
    sessions.bind("s4", "s4", undefined);
    expect(sessions.get("s2")).toBeUndefined();
    for (const name of ["s1", "s3", "s4"]) expect(sessions.get(name)).toBe(name);
  });

  it("forgets none for one that it holds already", () => {
    const { sessions } = make(2);
    sessions.bind("s1", "a", undefined);
    sessions.bind("s2", "a", undefined);
    for (let i = 0; i < 5; i++) sessions.bind("s2", "b", "a");
    expect(sessions.get("s1")).toBe("a");
  });
});

describe("disposal", () => {
  it("ends the sweep and forgets all, once and again", async () => {
    const { sessions, clock } = make();
    sessions.bind("s", "a", undefined);
    expect(clock.timers).toBe(1);
    await sessions[Symbol.asyncDispose]();
    await sessions[Symbol.asyncDispose]();
    expect(clock.timers).toBe(0);
    expect(sessions.get("s")).toBeUndefined();
  });
});

describe("the sweep", () => {
  it("runs also where the time to live is a millisecond", () => {
    const { sessions, clock } = make(10, 1);
    sessions.bind("s", "a", undefined);
    clock.advance(1);
    expect(sessions.get("s")).toBeUndefined();
  });

  it("has a period of its own where sessions live for no time at all", () => {
    const { sessions } = make(10, 0);
    expect(sessions.bind("s", "a", undefined)).toBe("a");
    expect(sessions.get("s")).toBeUndefined();
  });
});

/** The same contract without order, sweep or laziness: every step looks at every entry. */
class NaiveSessions {
  #entries: { session: string; backend: string; usedMs: number }[] = [];

  find(session: string, nowMs: number): string | undefined {
    this.#entries = this.#entries.filter(({ usedMs }) => nowMs - usedMs < TTL);
    return this.#entries.find((entry) => entry.session === session)?.backend;
  }

  put(session: string, backend: string, at: { nowMs: number; limit: number }): void {
    const others = this.#entries.filter((entry) => entry.session !== session);
    this.#entries = [...others, { session, backend, usedMs: at.nowMs }].slice(-at.limit);
  }
}

describe("any sequence of uses", () => {
  it("has the results of a store that keeps no order", () => {
    const session = fc.constantFrom("s1", "s2", "s3", "s4", "s5");
    const backend = fc.constantFrom("a", "b", "c");
    const step = fc.oneof(
      fc.record({ do: fc.constant("get" as const), session }),
      fc.record({ do: fc.constant("touch" as const), session, backend }),
      fc.record({
        do: fc.constant("bind" as const),
        session,
        backend,
        expected: fc.option(backend),
      }),
      fc.record({
        do: fc.constant("wait" as const),
        ms: fc.constantFrom(1, 99, 100, 500, 999, 1000),
      }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(step, { maxLength: 60 }),
        (limit, steps) => {
          const { sessions, clock } = make(limit);
          const naive = new NaiveSessions();
          for (const taken of steps) {
            const nowMs = clock.nowMs();
            if (taken.do === "wait") {
              clock.advance(taken.ms);
              continue;
            }
            const holder = naive.find(taken.session, nowMs);
            if (taken.do === "get") {
              expect(sessions.get(taken.session)).toBe(holder);
            } else if (taken.do === "touch") {
              sessions.touch(taken.session, taken.backend);
              naive.put(taken.session, holder ?? taken.backend, { nowMs, limit });
            } else {
              const { backend, expected } = taken;
              const winner = holder === undefined || holder === expected ? backend : holder;
              expect(sessions.bind(taken.session, backend, expected ?? undefined)).toBe(winner);
              naive.put(taken.session, winner, { nowMs, limit });
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
