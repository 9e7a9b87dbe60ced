import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EvenClosing } from "../../src/proxy/even-closing.ts";
import type { OpenTunnel } from "../../src/proxy/open-tunnel.ts";
import { FakeClock } from "../support/fake-clock.ts";

interface Fake extends OpenTunnel {
  isEnding: boolean;
}

function tunnels(count: number): Fake[] {
  const flow = { active: false, traffic: { bytes: 0, messages: 0, frames: 0 } };
  return Array.from({ length: count }, (): Fake => ({
    isEnding: false,
    idleMs: 1,
    fromClient: flow,
    fromBackend: flow,
    close() {
      this.isEnding = true;
    },
    keepAlive: () => undefined,
    destroy: () => undefined,
  }));
}

function closing(open: Fake[], overMs: number) {
  const clock = new FakeClock();
  const spread = new EvenClosing({
    tunnels: () => open,
    overMs,
    close: (tunnel) => tunnel.close("draining"),
    clock,
  });
  return { clock, spread, closed: () => open.filter(({ isEnding }) => isEnding).length };
}

describe("closing evenly", () => {
  it("keeps to the line from none to all, whatever their number and the time", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 100, max: 60_000 }),
        (n, ms) => {
          const { clock, closed, spread } = closing(tunnels(n), ms);
          for (let at = 50; at < ms; at += 50) {
            clock.advance(50);
            const line = (n * at) / ms;
            expect(closed()).toBeGreaterThanOrEqual(Math.floor(line));
            expect(closed()).toBeLessThanOrEqual(Math.ceil(line));
          }
          clock.advance(100);
          expect(closed()).toBe(n);
          expect(spread.progress).toEqual({ closed: n, left: 0, remainingMs: 0 });
        },
      ),
      { numRuns: 20 },
    );
  });

  it("closes all at once over no time", () => {
    expect(closing(tunnels(10), 0).closed()).toBe(10);
  });

  it("takes in those that open meanwhile, at once when the time is over", () => {
    const open = tunnels(10);
    const { clock, closed } = closing(open, 1_000);
    clock.advance(500);
    expect(closed()).toBe(5);
    open.push(...tunnels(10));
    clock.advance(500);
    expect(closed()).toBe(20);
    open.push(...tunnels(1));
    clock.advance(50);
    expect(closed()).toBe(21);
  });

  it("stops when it is disposed; what is closed stays closed", () => {
    const { clock, spread, closed } = closing(tunnels(10), 1_000);
    clock.advance(300);
    expect(spread.progress).toEqual({ closed: 3, left: 7, remainingMs: 700 });
    spread[Symbol.dispose]();
    clock.advance(5_000);
    expect([closed(), clock.timers]).toEqual([3, 0]);
  });
});
