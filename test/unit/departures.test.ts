import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arrivals } from "../../src/backend/arrivals.ts";
import { Departures } from "../../src/backend/departures.ts";
import type { Envelope } from "../../src/backend/envelope.ts";

const ORIGIN = "a~1";

function envelope(
  numbers: { serial: number; generation: number; count: number },
  channel = "c",
  origin = ORIGIN,
): Envelope {
  const rest = {
    origin,
    publishedAt: 0,
    kind: "text",
    loggedId: "",
    body: Buffer.alloc(0),
  } as const;
  return { ...rest, channel, ...numbers };
}

describe("numbers of messages", () => {
  it("tell what came twice, and exactly how many never came, whatever is lost or repeated", () => {
    const fate = fc.constantFrom("comes", "twice", "lost", "again later");
    fc.assert(
      fc.property(fc.array(fate, { minLength: 1, maxLength: 60 }), (fates) => {
        const departures = new Departures();
        const arrivals = new Arrivals();
        const late: Envelope[] = [];
        let [taken, missed, gone, hasBegun] = [0, 0, 0, false];
        const take = (message: Envelope): void => {
          const before = arrivals.take(message);
          if (before === undefined) return;
          taken++;
          missed += before;
        };
        for (const what of fates) {
          const message = envelope(departures.next("c"));
          if (what === "lost") {
            if (hasBegun) gone++;
            continue;
          }
          hasBegun = true;
          take(message);
          if (what === "twice") take(message);
          if (what === "again later") late.push(message);
          // What is lost at the end is not known of yet.
          expect(missed).toBe(gone);
        }
        for (const message of late) take(message);
        expect(taken).toBe(fates.filter((what) => what !== "lost").length);
      }),
    );
  });

  it("begin anew for a channel that was forgotten, without a gap and without a double", () => {
    const departures = new Departures(2);
    const arrivals = new Arrivals();
    const next = (channel: string): number | undefined =>
      channel === "c"
        ? arrivals.take(envelope(departures.next(channel)))
        : void departures.next(channel);
    expect([next("c"), next("c")]).toEqual([0, 0]);
    for (let i = 0; i < 10; i++) next(`other-${i}`);
    expect([next("c"), next("c")]).toEqual([0, 0]);
  });

  it("keep channels that are in use, however many others there are", () => {
    const departures = new Departures(2);
    const { generation } = departures.next("c");
    for (let i = 0; i < 10; i++) {
      departures.next(`other-${i}`);
      expect(departures.next("c")).toMatchObject({ generation, count: i + 2 });
    }
  });

  it("have no hole after a message that was refused", () => {
    const departures = new Departures();
    const arrivals = new Arrivals();
    arrivals.take(envelope(departures.next("c")));
    departures.next("c");
    departures.takeBack("c");
    expect(arrivals.take(envelope(departures.next("c")))).toBe(0);
  });

  it("are kept apart by origin, and for so many origins only", () => {
    const arrivals = new Arrivals();
    const numbers = { serial: 1, generation: 0, count: 1 };
    expect(arrivals.take(envelope(numbers, "c", "a"))).toBe(0);
    expect(arrivals.take(envelope(numbers, "c", "b"))).toBe(0);
    expect(arrivals.take(envelope(numbers, "c", "a"))).toBeUndefined();
    for (let i = 0; i < 2_000; i++) arrivals.take(envelope(numbers, "c", `more-${i}`));
    expect(arrivals.take(envelope(numbers, "c", "a"))).toBe(0);
  });
});
