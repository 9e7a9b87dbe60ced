import { describe, expect, it } from "vitest";
import { Admission } from "../../src/proxy/admission.ts";
import { FakeClock } from "../support/fake-clock.ts";

function setUp(options: { perSecond?: number; maxQueued?: number; maxWaitMs?: number } = {}) {
  const clock = new FakeClock();
  const admission = new Admission({
    ...{ perSecond: 10, maxQueued: 100, maxWaitMs: 60_000, ...options },
    clock,
  });
  const results: string[] = [];
  const enter = async (name: string, signal = new AbortController().signal): Promise<void> => {
    results.push(`${name} ${await admission.enter(signal)}`);
  };
  /** Lets those whose promises have settled go on. */
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, admission, results, enter, settle };
}

describe("admission", () => {
  it("lets handshakes in at the rate, in the order in which they came", async () => {
    const { clock, admission, results, enter, settle } = setUp();
    for (let i = 0; i < 6; i++) void enter(String(i));
    await settle();
    expect(results).toEqual(["0 admitted"]);
    for (let i = 1; i < 6; i++) {
      clock.advance(100);
      await settle();
      expect(results.at(-1)).toBe(`${i} admitted`);
      expect(results).toHaveLength(i + 1);
    }
    expect([admission.queued, clock.timers]).toEqual([0, 0]);
  });

  it("lets a tenth of a second's worth in at once after a quiet time, and no more", async () => {
    const { clock, results, enter, settle } = setUp({ perSecond: 50 });
    clock.advance(60_000);
    for (let i = 0; i < 20; i++) void enter(String(i));
    await settle();
    expect(results).toHaveLength(5);
  });

  it("never lets in more than the rate over any time", async () => {
    const { clock, results, enter, settle } = setUp({ perSecond: 200, maxQueued: 10_000 });
    for (let i = 0; i < 500; i++) void enter(String(i));
    for (let ms = 0; ms < 2_000; ms += 7) {
      clock.advance(7);
      await settle();
      expect(results.length).toBeLessThanOrEqual(20 + (ms + 7) / 5);
    }
    expect(results.length).toBeGreaterThan(400);
  });

  it("refuses at once who finds the queue full, or would wait too long", async () => {
    const full = setUp({ maxQueued: 2 });
    for (let i = 0; i < 4; i++) void full.enter(String(i));
    await full.settle();
    expect(full.results).toEqual(["0 admitted", "3 storm"]);
    const slow = setUp({ maxWaitMs: 250 });
    for (let i = 0; i < 5; i++) void slow.enter(String(i));
    await slow.settle();
    expect(slow.results).toEqual(["0 admitted", "3 storm", "4 storm"]);
  });

  it("gives the place of a client that leaves to the next", async () => {
    const { clock, results, enter, settle } = setUp();
    const left = new AbortController();
    void enter("first");
    void enter("leaver", left.signal);
    void enter("next");
    left.abort();
    await settle();
    expect(results).toEqual(["first admitted", "leaver client_gone"]);
    clock.advance(100);
    await settle();
    expect(results.at(-1)).toBe("next admitted");
    await enter("gone", AbortSignal.abort());
    expect(results.at(-1)).toBe("gone client_gone");
  });

  it("lets in all who wait when the limit is taken away, and leaves no timer", async () => {
    const { clock, admission, results, enter, settle } = setUp();
    for (let i = 0; i < 4; i++) void enter(String(i));
    admission[Symbol.dispose]();
    await settle();
    expect(results).toHaveLength(4);
    expect(results.every((result) => result.endsWith("admitted"))).toBe(true);
    expect([clock.timers, admission.queued]).toEqual([0, 0]);
  });
});
