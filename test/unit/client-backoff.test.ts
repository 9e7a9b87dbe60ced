import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Backoff } from "../../src/client/backoff.ts";
import { Retry } from "../../src/client/retry.ts";
import { retryAfterMs } from "../../src/client/retry-after.ts";
import { FakeEnvironment } from "../support/client-environment.ts";

describe("the client's backoff", () => {
  it("draws evenly from 0 to a limit that doubles up to the largest, and begins anew", () => {
    const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.array(fraction, { minLength: 1, maxLength: 2_000 }),
        (firstMs, maxMs, fractions) => {
          let drawn = 0;
          const backoff = new Backoff({ firstMs, maxMs }, () => drawn);
          for (const [failures, each] of fractions.entries()) {
            drawn = each;
            expect(backoff.nextMs()).toBe(each * Math.min(maxMs, firstMs * 2 ** failures));
          }
          backoff.reset();
          expect(backoff.nextMs()).toBe(drawn * Math.min(maxMs, firstMs));
        },
      ),
    );
  });
});

describe("a retry", () => {
  it("waits out what was asked for, and the jitter on top of it", () => {
    const environment = new FakeEnvironment();
    const retry = new Retry(environment, { firstMs: 1_000, maxMs: 8_000 });
    const runs: number[] = [];
    expect(retry.schedule(() => runs.push(1), 5_000)).toBe(5_500);
    environment.clock.advance(5_499);
    expect([runs, retry.isWaiting]).toEqual([[], true]);
    environment.clock.advance(1);
    expect([runs, retry.isWaiting]).toEqual([[1], false]);
  });

  it("hurries only as far as it may, and has one timer at most", () => {
    const environment = new FakeEnvironment();
    const retry = new Retry(environment, { firstMs: 60_000, maxMs: 60_000 });
    const runs: string[] = [];
    retry.hurry(); // nothing waits
    retry.schedule(() => runs.push("replaced"));
    retry.schedule(() => runs.push("later"), 5_000);
    retry.hurry();
    expect(environment.clock.timers).toBe(1);
    environment.clock.advance(4_999);
    expect(runs).toEqual([]);
    environment.clock.advance(1);
    retry.schedule(() => runs.push("at once"));
    retry.hurry();
    environment.clock.advance(0);
    expect(runs).toEqual(["later", "at once"]);
    retry.schedule(() => runs.push("never"));
    retry.cancel();
    expect(environment.clock.timers).toBe(0);
  });
});

describe("Retry-After", () => {
  const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT");

  it.each([
    ["120", 120_000],
    [" 3 ", 3_000],
    ["0", 0],
    ["Wed, 21 Oct 2026 07:28:30 GMT", 30_000],
    ["Wed, 21 Oct 2026 07:27:00 GMT", 0],
    ["99999999999", 86_400_000],
    ["-5", 0],
    ["soon", 0],
    ["", 0],
    [undefined, 0],
  ])("%j is %d ms", (field, expected) => {
    expect(retryAfterMs(field, now)).toBe(expected);
  });

  it("is never negative, endless or no number, whatever is written", () => {
    fc.assert(
      fc.property(fc.string(), (field) => {
        const waitMs = retryAfterMs(field, now);
        expect(waitMs >= 0 && waitMs <= 86_400_000).toBe(true);
      }),
    );
  });
});
