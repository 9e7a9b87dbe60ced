import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bus, BusMessage } from "../../src/backend/broker/bus.ts";
import { Outbox } from "../../src/backend/outbox.ts";
import { systemRandom } from "../../src/core/random.ts";
import { FakeClock } from "../support/fake-clock.ts";

type Fate = "takes" | "fails before" | "fails after";

/** A bus whose batches fare as told, and then well. */
class FatefulBus implements Bus {
  readonly taken: string[] = [];
  batches = 0;
  readonly #fates: Fate[];

  constructor(fates: readonly Fate[]) {
    this.#fates = [...fates];
  }

  async publish(messages: readonly BusMessage[]): Promise<void> {
    await Promise.resolve();
    this.batches++;
    const fate = this.#fates.shift() ?? "takes";
    if (fate === "fails before") throw new Error("away");
    this.taken.push(...messages.map(({ payload }) => payload.toString()));
    if (fate === "fails after") throw new Error("no answer");
  }

  listen(): void {
    throw new Error("not used");
  }

  subscribe(): Promise<void> {
    return Promise.reject(new Error("not used"));
  }

  unsubscribe(): Promise<void> {
    return Promise.reject(new Error("not used"));
  }
}

function open(bus: Bus, { maxMessages = 1_000, maxBytes = 1_000_000 } = {}) {
  const clock = new FakeClock();
  const changes: boolean[] = [];
  const onChange = (isAway: boolean): void => void changes.push(isAway);
  const outbox = new Outbox({ bus, maxMessages, maxBytes, clock, random: systemRandom, onChange });
  /** Time passes until nothing is under way any more. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 200 && (outbox.messages > 0 || clock.timers > 0); i++) {
      clock.advance(1_000);
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
  };
  return { outbox, clock, changes, settle };
}

const message = (text: string): BusMessage => ({ channel: "c", payload: Buffer.from(text) });

describe("an outbox", () => {
  it("sends everything in order, and again what may not have arrived, whatever fails", async () => {
    const fate = fc.constantFrom<Fate>("takes", "fails before", "fails after");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fate, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 }),
        async (fates, bursts) => {
          const bus = new FatefulBus(fates);
          const { outbox, settle, changes } = open(bus, { maxMessages: 10_000 });
          const sent: string[] = [];
          for (const burst of bursts) {
            for (let i = 0; i < burst; i++) {
              sent.push(String(sent.length));
              void outbox.push(message(sent.at(-1) ?? ""));
            }
            await Promise.resolve();
          }
          await settle();
          // First arrivals alone are what was sent: nothing is lost, nothing overtakes.
          expect([...new Set(bus.taken)]).toEqual(sent);
          expect([outbox.messages, outbox.bytes, outbox.isAway]).toEqual([0, 0, false]);
          expect(changes).toEqual(changes.map((_, i) => i % 2 === 0));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("takes no more than it may hold, and says so", () => {
    const { outbox } = open(new FatefulBus([]), { maxMessages: 3, maxBytes: 10 });
    void outbox.push(message("a"));
    void outbox.push(message("x".repeat(9)));
    expect(() => outbox.push(message("b"))).toThrow(
      expect.objectContaining({ code: "queue_full", retryable: true }) as Error,
    );
    expect([outbox.messages, outbox.bytes]).toEqual([2, 10]);
  });

  it("takes one message that is larger than all may be, when nothing else waits", () => {
    const { outbox } = open(new FatefulBus([]), { maxBytes: 10 });
    void outbox.push(message("x".repeat(11)));
    expect(() => outbox.push(message("b"))).toThrow("no more may");
  });

  it("slows publishers down when half of what may wait does, unless the broker is away", async () => {
    const bus = new FatefulBus(["takes", "fails before"]);
    const { outbox, clock } = open(bus, { maxMessages: 4 });
    expect(outbox.push(message("0"))).toBeUndefined();
    expect(outbox.push(message("1"))).toBeUndefined();
    let hasLeft = false;
    const third = outbox.push(message("2"))?.then(() => (hasLeft = true));
    expect(third).toBeDefined();
    await Promise.resolve();
    expect(hasLeft).toBe(false);
    clock.advance(0);
    await third;
    expect(bus.taken).toEqual(["0", "1", "2"]);

    const waits = [3, 4, 5].map((i) => outbox.push(message(String(i))));
    clock.advance(0);
    await waits[2]; // let go when the broker turned out to be away
    expect(outbox.isAway).toBe(true);
    expect(outbox.push(message("6"))).toBeUndefined();
  });

  it("holds on to its messages with one attempt at a time while the broker is away", async () => {
    const bus = new FatefulBus(Array.from({ length: 50 }, () => "fails before"));
    const { outbox, clock } = open(bus);
    void outbox.push(message("a"));
    for (let i = 0; i < 100; i++) {
      clock.advance(100);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
    // 10 seconds with pauses of at most half a second, and of a quarter at least.
    expect(bus.batches).toBeGreaterThan(20);
    expect(bus.batches).toBeLessThan(50);
    expect(outbox.messages).toBe(1);
  });

  it("gives up what waits when it is closed, counts it, and leaves no timer", async () => {
    const bus = new FatefulBus(["fails before"]);
    const { outbox, clock } = open(bus);
    for (let i = 0; i < 3; i++) void outbox.push(message(String(i)));
    clock.advance(0);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    const emptied = outbox.emptied();
    expect(outbox.close()).toBe(3);
    await emptied;
    expect(clock.timers).toBe(0);
    expect(bus.taken).toEqual([]);
  });
});
