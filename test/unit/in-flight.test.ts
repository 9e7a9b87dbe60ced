import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InFlight } from "../../src/backend/delivery/in-flight.ts";
import type { LoggedMessage } from "../../src/backend/delivery/logged-message.ts";

const EPOCH = "e";

function message(number: number): LoggedMessage {
  return {
    id: String(number),
    kind: "text",
    publishedAt: 0,
    body: Buffer.alloc(number % 5),
    channel: "c",
    position: { offset: String(number), epoch: EPOCH },
    frame: undefined,
  };
}

const START = { offset: "0", epoch: EPOCH };

const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constant({ do: "add" as const }) },
    fc.record({ do: fc.constant("settle" as const), offset: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ do: fc.constant("through" as const), offset: fc.integer({ min: 1, max: 40 }) }),
  ),
  { maxLength: 120 },
);

describe("the messages of a session in flight", () => {
  it("say where it stands, whatever was settled in whatever order", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const inFlight = new InFlight(START);
        const open = new Set<number>();
        let last = 0;
        for (const step of history) {
          if (step.do === "add") {
            inFlight.add(message(++last), { deliveries: 1, isDone: false });
            open.add(last);
          } else if (step.do === "settle") {
            expect(inFlight.settle(String(step.offset))).toBe(open.delete(step.offset));
          } else {
            // One that all before it and it itself have left is known to nobody.
            const isKnown =
              [...open].some((number) => number <= step.offset) && step.offset <= last;
            const due = isKnown ? [...open].filter((number) => number <= step.offset) : [];
            expect(inFlight.settleThrough(String(step.offset))).toBe(due.length);
            for (const number of due) open.delete(number);
          }
          const lowest = Math.min(last + 1, ...open);
          const { position, done, deliveries } = inFlight.standing;
          expect(Number(position.offset)).toBe(lowest - 1);
          expect(Object.keys(deliveries).map(Number)).toEqual([...open]);
          // Together they are everything from where it stands on.
          expect([...done.map(Number), ...open].sort((a, b) => a - b)).toEqual(
            Array.from({ length: last - lowest + 1 }, (_, i) => lowest + i),
          );
          expect(inFlight.waiting).toBe(open.size);
          expect(inFlight.bytes).toBe([...open].reduce((sum, number) => sum + (number % 5), 0));
        }
      }),
    );
  });

  it("stand where reading goes on when all are settled, also behind a hole", () => {
    const inFlight = new InFlight(START);
    inFlight.add(message(1), { deliveries: 1, isDone: false });
    inFlight.moveTo({ offset: "7", epoch: EPOCH });
    expect(inFlight.standing.position.offset).toBe("0");
    inFlight.settle("1");
    expect(inFlight.standing.position.offset).toBe("7");
  });

  it("tell which is due next, and all that are", () => {
    const inFlight = new InFlight(START);
    const [a, b] = [1, 2].map((n) => inFlight.add(message(n), { deliveries: 1, isDone: false }));
    expect(inFlight.nextDueMs).toBe(Infinity);
    if (a === undefined || b === undefined) throw new Error("not added");
    [a.dueMs, b.dueMs] = [300, 200];
    expect(inFlight.nextDueMs).toBe(200);
    expect([...inFlight.due(250)]).toEqual([b]);
    expect([...inFlight.due(300)]).toEqual([a, b]);
    inFlight.settle("2");
    expect(inFlight.nextDueMs).toBe(300);
  });
});
