import { describe, expect, it } from "vitest";
import { policies } from "../../src/policy/index.ts";
import { Candidates, type CandidatesOptions } from "../../src/proxy/candidates.ts";
import type { ServedPool } from "../../src/proxy/served-pool.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { member, poolOf } from "../support/live-pool.ts";

function setUp(part: Partial<Pick<ServedPool, "limits" | "slowStartMs">> = {}) {
  const clock = new FakeClock();
  const pool = poolOf("a", "b", "c");
  let fraction = 0.5;
  const random = { fraction: () => fraction, bytes: () => Buffer.alloc(0), uuid: () => "" };
  const policy = policies.ring({ random, maxLoad: undefined });
  const limits = { connections: Infinity, pendingHandshakes: Infinity };
  const served = { pool, slowStartMs: 0, limits, ...part } as ServedPool;
  let panics = 0;
  const make = (options: Partial<CandidatesOptions> = {}): Candidates =>
    new Candidates({
      ...{ served, policy, key: "key", home: undefined, clock, random },
      onPanic: () => {
        panics++;
      },
      ...options,
    });
  const ids = (options?: Partial<CandidatesOptions>): string[] =>
    [...make(options)].map(({ id }) => id);
  return {
    ...{ clock, pool, make, ids },
    of: (id: string) => member(pool, id),
    panics: () => panics,
    draw: (value: number) => (fraction = value),
  };
}

describe("the candidates of a request", () => {
  it("are the home of its session, then what the policy says, each once", () => {
    const { ids, of } = setUp();
    const order = ids();
    expect([...order].sort()).toEqual(["a", "b", "c"]);
    const last = order.at(-1) ?? "";
    expect(ids({ home: of(last) })).toEqual([last, ...order.slice(0, -1)]);
  });

  it("never are those that are drained", () => {
    const { ids, of, make, panics } = setUp();
    const [first = "", ...others] = ids();
    of(first).isDraining = true;
    expect(ids()).toEqual(others);
    expect(ids({ home: of(first) })).toEqual(others);
    expect(make({ home: of(first) }).isGuest).toBe(false);
    for (const id of others) of(id).isDraining = true;
    expect(ids()).toEqual([]);
    expect(panics()).toBe(0);
  });

  it("are unhealthy, ejected and unreachable ones only when no other is left, counted as panic", () => {
    const { ids, of, clock, panics } = setUp();
    const [first = "", second = "", third = ""] = ids();
    of(first).health = "unhealthy";
    expect(ids()).toEqual([second, third, first]);
    of(second).isEjected = true;
    expect(ids()).toEqual([third, first, second]);
    expect(panics()).toBe(0);
    of(third).dialFailed(clock.nowMs());
    expect(ids()).toEqual([first, second, third]);
    expect(panics()).toBe(1);
    expect(ids({ home: of(first) })).toEqual([first, second, third]);
  });

  it("have an unreachable one in its place for one request a second, until a dial succeeds", () => {
    const { ids, of, clock } = setUp();
    const [first = "", ...others] = ids();
    of(first).dialFailed(clock.nowMs());
    expect(ids()).toEqual([...others, first]);
    clock.advance(1_000);
    expect(ids()).toEqual([first, ...others]);
    expect(ids()).toEqual([...others, first]);
    of(first).dialled();
    expect(ids()).toEqual([first, ...others]);
  });

  it("are not those that are full; a session whose home is full is a guest elsewhere", () => {
    const { ids, of, make } = setUp({ limits: { connections: 2, pendingHandshakes: 1 } });
    const [first = "", second = "", third = ""] = ids();
    of(first).load = 2;
    of(second).handshakes = 1;
    expect(ids()).toEqual([third]);
    const guest = make({ home: of(first) });
    expect([guest.isGuest, [...guest].map(({ id }) => id)]).toEqual([true, [third]]);
    expect(guest.sawFull).toBe(true);
    of(third).load = 2;
    const nobody = make();
    expect([[...nobody].length, nobody.sawFull]).toEqual([0, true]);
  });

  it("judge each backend when its turn comes", () => {
    const { make, of, ids } = setUp();
    const [, second = "", third = ""] = ids();
    const walk = make()[Symbol.iterator]();
    walk.next();
    of(second).isDraining = true;
    expect(walk.next().value).toBe(of(third));
  });
});

describe("a newcomer", () => {
  const SLOW = 10_000;

  it("takes a share that grows in time, the same keys always first", () => {
    const { clock, ids, of } = setUp({ slowStartMs: SLOW });
    const keys = Array.from({ length: 600 }, (_, i) => `key ${i}`);
    const mine = keys.filter((key) => ids({ key })[0] === "a");
    expect(mine.length).toBeGreaterThan(120);
    of("a").startSlowly(clock.nowMs(), SLOW);
    expect(of("a").state).toBe("starting");
    let before: string[] = [];
    for (const part of [0, 0.25, 0.5, 0.75]) {
      const now = mine.filter((key) => ids({ key })[0] === "a");
      expect(now.length / mine.length).toBeGreaterThan(part - 0.12);
      expect(now.length / mine.length).toBeLessThan(part + 0.17);
      for (const key of before) expect(now).toContain(key);
      before = now;
      clock.advance(SLOW / 4);
    }
    expect(mine.every((key) => ids({ key })[0] === "a")).toBe(true);
    expect(of("a").state).toBe("up");
  });

  it("is drawn by chance for requests without a key, and keeps sessions that are bound to it", () => {
    const { clock, draw, ids, of } = setUp({ slowStartMs: SLOW });
    of("a").startSlowly(clock.nowMs(), SLOW);
    clock.advance(SLOW / 2);
    draw(0.49);
    expect(ids({ key: undefined }).indexOf("a")).toBeLessThan(3);
    draw(0.51);
    expect(ids({ key: undefined }).at(-1)).toBe("a");
    expect(ids({ key: "key", home: of("a") })[0]).toBe("a");
  });

  it("serves all when all are new", () => {
    const { clock, ids, of, panics } = setUp({ slowStartMs: SLOW });
    for (const id of ["a", "b", "c"]) of(id).startSlowly(clock.nowMs(), SLOW);
    expect([...ids()].sort()).toEqual(["a", "b", "c"]);
    expect(panics()).toBe(0);
  });
});
