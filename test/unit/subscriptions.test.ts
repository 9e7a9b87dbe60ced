import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bus } from "../../src/backend/broker/bus.ts";
import { Subscriptions } from "../../src/backend/subscriptions.ts";
import { FakeClock } from "../support/fake-clock.ts";

const GRACE_MS = 1_000;

/** A bus that remembers what it is asked to send. */
class RecordingBus implements Bus {
  readonly heard = new Set<string>();
  readonly asked: number[] = [];
  refuses = false;

  async subscribe(channels: readonly string[]): Promise<void> {
    this.asked.push(channels.length);
    for (const channel of channels) this.heard.add(channel);
    await Promise.resolve();
    if (this.refuses) throw new Error("refused");
  }

  unsubscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.heard.delete(channel);
    return Promise.resolve();
  }

  publish(): Promise<void> {
    return Promise.reject(new Error("not used"));
  }

  listen(): void {
    throw new Error("not used");
  }
}

function open() {
  const bus = new RecordingBus();
  const clock = new FakeClock();
  const ended: string[] = [];
  const errors: unknown[] = [];
  const subscriptions = new Subscriptions({
    bus,
    clock,
    graceMs: GRACE_MS,
    onEnd: (channel) => ended.push(channel),
    onError: (error) => errors.push(error),
  });
  const turn = async (): Promise<void> => {
    clock.advance(0);
    for (let i = 0; i < 5; i++) await Promise.resolve();
  };
  return { bus, clock, ended, errors, subscriptions, turn };
}

describe("subscriptions at the broker", () => {
  it("are those with local subscribers, whoever comes and goes when", async () => {
    const step = fc.record({
      channel: fc.constantFrom("a", "b", "c"),
      wants: fc.boolean(),
      passesMs: fc.constantFrom(0, 0, 100, GRACE_MS, 3 * GRACE_MS),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { bus, clock, subscriptions, turn } = open();
        const wanted = new Set<string>();
        for (const { channel, wants, passesMs } of steps) {
          if (wants) {
            void subscriptions.want(channel);
            wanted.add(channel);
          } else if (wanted.delete(channel)) {
            subscriptions.release(channel);
          }
          if (passesMs > 0) clock.advance(passesMs);
          await turn();
          for (const name of wanted) expect(bus.heard).toContain(name);
        }
        clock.advance(2 * GRACE_MS);
        await turn();
        expect([...bus.heard].sort()).toEqual([...wanted].sort());
        expect(subscriptions.size).toBe(wanted.size);
        if (wanted.size === 0) expect(clock.timers).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("are asked for in one go for all who join in a turn, in batches of a bounded length", async () => {
    const { bus, subscriptions, turn } = open();
    for (let i = 0; i < 1_200; i++) void subscriptions.want(`c${i}`);
    await turn();
    expect(bus.asked).toEqual([500, 500, 200]);
    expect(subscriptions.want("c0")).toBeUndefined();
  });

  it("outlive a subscriber that comes back within the grace time", async () => {
    const { bus, clock, subscriptions, turn } = open();
    void subscriptions.want("a");
    await turn();
    for (let i = 0; i < 10; i++) {
      subscriptions.release("a");
      clock.advance(GRACE_MS / 2);
      expect(subscriptions.want("a")).toBeUndefined();
    }
    expect(bus.asked).toEqual([1]);
  });

  it("tell who waits when the broker refuses, and are asked for again by the next", async () => {
    const { bus, subscriptions, turn } = open();
    bus.refuses = true;
    const first = subscriptions.want("a");
    const second = subscriptions.want("a");
    await Promise.all([turn(), expect(first).rejects.toThrow("refused")]);
    await expect(second).rejects.toThrow("refused");
    expect([subscriptions.size, bus.heard.size]).toEqual([0, 0]);
    bus.refuses = false;
    const third = subscriptions.want("a");
    await turn();
    await third;
    expect([...bus.heard]).toEqual(["a"]);
  });
});
