import { describe, expect, it } from "vitest";
import { silentLogger } from "../../src/core/logger.ts";
import { OutlierEjection, type OutlierLimits } from "../../src/upstream/outlier-ejection.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { member, poolOf } from "../support/live-pool.ts";

function setUp(limits: Partial<OutlierLimits> = {}, ids = ["a", "b", "c", "d"]) {
  const clock = new FakeClock();
  const pool = poolOf(...ids);
  const ejected: string[] = [];
  const returned: string[] = [];
  const outlier = new OutlierEjection({
    ...{ consecutiveFailures: 3, ejectForMs: 1_000, maxEjectedPercent: 50, ...limits },
    ...{ pool, clock, logger: silentLogger },
    onEjected: ({ id }) => void ejected.push(id),
    onReturned: ({ id }) => void returned.push(id),
  });
  const fail = (id: string, times = 3): void => {
    for (let i = 0; i < times; i++) outlier.refused(member(pool, id));
  };
  return { clock, pool, outlier, ejected, returned, fail, of: (id: string) => member(pool, id) };
}

describe("a backend that fails clients in a row", () => {
  it("is ejected at the configured count, and returns after its time", () => {
    const { clock, fail, of, ejected, returned } = setUp();
    fail("a", 2);
    expect(of("a").isEjected).toBe(false);
    fail("a", 1);
    expect([of("a").isEjected, of("a").state, of("a").serves]).toEqual([true, "ejected", false]);
    clock.advance(999);
    expect(of("a").isEjected).toBe(true);
    clock.advance(1);
    expect(of("a").isEjected).toBe(false);
    expect([ejected, returned]).toEqual([["a"], ["a"]]);
  });

  it("is not, when a handshake succeeds between", () => {
    const { fail, of, outlier } = setUp();
    fail("a", 2);
    outlier.accepted(of("a"));
    fail("a", 2);
    expect(of("a").isEjected).toBe(false);
  });

  it("stays out longer each time, but begins anew after it has held out", () => {
    const { clock, fail, of } = setUp();
    const outFor = (): number => {
      fail("a");
      let ms = 0;
      while (of("a").isEjected) {
        clock.advance(100);
        ms += 100;
      }
      return ms;
    };
    expect([outFor(), outFor(), outFor()]).toEqual([1_000, 2_000, 3_000]);
    clock.advance(3_000);
    expect(outFor()).toBe(1_000);
    for (let i = 0; i < 20; i++) outFor();
    expect(outFor()).toBe(10_000);
  });

  it("counts tunnels that it breaks off, all of one moment as one, and forgives after a good end", () => {
    const { clock, of, outlier } = setUp();
    const lose = (): void => {
      for (let i = 0; i < 100; i++) outlier.ended(of("a"), true);
      clock.advance(1_000);
    };
    lose();
    lose();
    expect(of("a").isEjected).toBe(false);
    outlier.ended(of("a"), false);
    lose();
    lose();
    expect(of("a").isEjected).toBe(false);
    outlier.ended(of("a"), true);
    expect(of("a").isEjected).toBe(true);
  });

  it("is ejected for tunnels that break off, though its handshakes succeed", () => {
    const { clock, of, outlier } = setUp({ ejectForMs: 60_000 });
    for (let i = 0; i < 3; i++) {
      outlier.accepted(of("a"));
      outlier.ended(of("a"), true);
      clock.advance(1_000);
    }
    expect(of("a").isEjected).toBe(true);
  });
});

describe("ejection", () => {
  it("leaves the configured part of the pool in", () => {
    const { fail, ejected } = setUp({ maxEjectedPercent: 50 });
    for (const id of ["a", "b", "c", "d"]) fail(id);
    expect(ejected).toEqual(["a", "b"]);
    expect(setUp({ maxEjectedPercent: 0 }).ejected).toEqual([]);
    const all = setUp({ maxEjectedPercent: 100 });
    for (const id of ["a", "b", "c", "d"]) all.fail(id);
    expect(all.ejected).toEqual(["a", "b", "c", "d"]);
    const lonely = setUp({ maxEjectedPercent: 50 }, ["a"]);
    lonely.fail("a");
    expect(lonely.ejected).toEqual([]);
  });

  it("forgets who leaves the pool, and leaves no timer when it is closed", () => {
    const { clock, fail, of, pool, outlier } = setUp();
    fail("a");
    fail("b");
    expect(clock.timers).toBe(2);
    const a = of("a");
    pool.replace(pool.backends.filter(({ id }) => id !== "a"));
    expect([clock.timers, a.isEjected]).toEqual([1, false]);
    outlier[Symbol.dispose]();
    expect([clock.timers, of("b").isEjected]).toEqual([0, false]);
    fail("c");
    expect([clock.timers, of("c").isEjected]).toEqual([0, false]);
  });
});
