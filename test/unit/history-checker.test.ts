import { describe, expect, it } from "vitest";
import { Checker, type HistoryEvent } from "../history/checker.js";
import { presenceProblems } from "../history/presence-check.js";

const [LOG, LIVE] = [0, 1];
/** The session that reads the log, and the one that only hears. */
const [READER, HEARER] = [0, 1];

/** One publisher on one channel, once for each guarantee; a session for each guarantee, too. */
const PLAN = {
  channels: ["room:0", "room:1"],
  sessions: [
    { name: "reader", joins: [{ channel: 0, delivery: "at-least-once" }] },
    { name: "hearer", joins: [{ channel: 0, delivery: "at-most-once" }] },
  ],
  streams: [
    { publisher: 0, channel: 0, delivery: "at-least-once" },
    { publisher: 0, channel: 0, delivery: "at-most-once" },
    { publisher: 0, channel: 1, delivery: "at-least-once" },
  ],
};

type Fields = Readonly<Record<string, unknown>>;

const event = (type: string, fields: Fields = {}): HistoryEvent => ({ type, ...fields });
const joined = (session: number, at = 1): HistoryEvent => {
  return event("joined", { session, channel: 0, at });
};

/** A message that was published on a connection, and confirmed. */
function published(stream: number, seq: number, fields: Fields = {}): HistoryEvent[] {
  const at = 100 + seq;
  return [
    event("started", { stream, seq, at, ...fields }),
    event("sent", { stream, seq, connection: 1, ...fields }),
    event("confirmed", { stream, seq, at: at + 1, ...fields }),
  ];
}

function handled(session: number, stream: number, seq: number, life = 0): HistoryEvent {
  return event("handled", { session, stream, seq, life });
}

function received(session: number, stream: number, seq: number, fields: Fields = {}): HistoryEvent {
  const defaults = { life: 0, connection: 1, deliveries: stream === LOG ? 1 : 0 };
  return event("received", { session, stream, seq, ...defaults, ...fields });
}

function check(...events: readonly (HistoryEvent | readonly HistoryEvent[])[]): {
  readonly violations: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, number>>;
  readonly lost: { readonly kept: number; readonly live: number };
} {
  const checker = new Checker(PLAN);
  for (const each of events.flat()) checker.observe(each);
  const lost = checker.conclude();
  return { violations: checker.violations.counts, counts: checker.counts, lost };
}

describe("a history that keeps its promises", () => {
  it("has no violations, and is counted", () => {
    const { violations, counts, lost } = check(
      [joined(READER), joined(HEARER)],
      [...published(LOG, 1), ...published(LIVE, 1), ...published(LOG, 2)],
      [received(READER, LOG, 1), handled(READER, LOG, 1)],
      [received(READER, LOG, 1, { deliveries: 2 })],
      [received(READER, LIVE, 1), handled(READER, LIVE, 1)],
      [received(READER, LOG, 2), handled(READER, LOG, 2)],
      [received(HEARER, LIVE, 1), handled(HEARER, LIVE, 1)],
    );
    expect(violations).toEqual({});
    expect(counts).toMatchObject({ delivered: 4, redelivered: 1, suppressed: 1 });
    expect(lost).toEqual({ kept: 0, live: 2 });
  });

  it("may lose what was published at most once, or was not confirmed", () => {
    const unconfirmed = event("started", { stream: LOG, seq: 1, at: 100 });
    const { violations, lost } = check(joined(READER), published(LIVE, 1), unconfirmed);
    expect(violations).toEqual({});
    expect(lost).toEqual({ kept: 0, live: 1 });
  });

  it("may keep from a session what was published before it had joined", () => {
    expect(check(published(LOG, 1), joined(READER, 101)).violations).toEqual({});
  });

  it("may give a message to a handler again that has failed with it", () => {
    const refused = event("refused", { session: READER, stream: LOG, seq: 1, life: 0 });
    const again = [received(READER, LOG, 1, { deliveries: 2 }), handled(READER, LOG, 1)];
    const { violations, counts } = check(
      published(LOG, 1),
      received(READER, LOG, 1),
      refused,
      again,
    );
    expect(violations).toEqual({});
    expect(counts).toMatchObject({ refusedByHandlers: 1, delivered: 1, suppressed: 0 });
  });

  it("may give a message to the next life of a process that was killed", () => {
    const lives = [handled(READER, LOG, 1, 0), handled(READER, LOG, 1, 1)];
    const { violations, counts } = check(published(LOG, 1), lives);
    expect(violations).toEqual({});
    expect(counts).toMatchObject({ delivered: 1, handledAgainAfterKill: 1 });
  });

  it("is told of by several processes, of which the later may be heard first", () => {
    expect(check(handled(READER, LOG, 1), published(LOG, 1)).violations).toEqual({});
  });
});

describe("the checker finds", () => {
  it("a message that was lost", () => {
    const { violations, lost } = check(joined(READER), published(LOG, 1));
    expect(violations).toEqual({ lost: 1 });
    expect(lost.kept).toBe(1);
  });

  it("a message that a handler only failed with", () => {
    const refused = event("refused", { session: READER, stream: LOG, seq: 1, life: 0 });
    expect(check(joined(READER), published(LOG, 1), refused).violations).toEqual({ lost: 1 });
  });

  it("a message that a handler got twice", () => {
    const twice = [handled(READER, LOG, 1), handled(READER, LOG, 1)];
    expect(check(published(LOG, 1), twice).violations).toEqual({ "handled twice": 1 });
  });

  it("a message that a handler got again, and failed with then", () => {
    const refused = event("refused", { session: READER, stream: LOG, seq: 1, life: 0 });
    const { violations } = check(published(LOG, 1), handled(READER, LOG, 1), refused);
    expect(violations).toEqual({ "handled twice": 1 });
  });

  it("a message at most once that the same connection has brought twice", () => {
    const twice = [received(HEARER, LIVE, 1), received(HEARER, LIVE, 1)];
    expect(check(published(LIVE, 1), twice).violations).toEqual({ "sent twice": 1 });
  });

  it("a message of the log that came twice to who only hears", () => {
    const twice = [received(HEARER, LOG, 1), received(HEARER, LOG, 1)];
    expect(check(published(LOG, 1), twice).violations).toEqual({ "sent twice": 1 });
  });

  it("messages at least once that change their order", () => {
    const swapped = [handled(READER, LOG, 2), handled(READER, LOG, 1)];
    const { violations } = check(published(LOG, 1), published(LOG, 2), swapped);
    expect(violations).toEqual({ "out of order": 1 });
  });

  it("messages at most once that change their order", () => {
    const swapped = [received(HEARER, LIVE, 2), received(HEARER, LIVE, 1)];
    const { violations } = check(published(LIVE, 1), published(LIVE, 2), swapped);
    expect(violations).toEqual({ "out of order": 1 });
  });

  it("a message that nobody has published, or not where it came", () => {
    expect(check(handled(READER, LOG, 1)).violations).toEqual({ "never published": 1 });
    const elsewhere = [...published(2, 1), handled(READER, 2, 1)];
    expect(check(elsewhere).violations).toEqual({ "not joined": 1 });
  });

  it("a publish at least once that was given up", () => {
    const failed = event("failed", { stream: LOG, seq: 1, code: "unconfirmed" });
    const { violations } = check(event("started", { stream: LOG, seq: 1, at: 100 }), failed);
    expect(violations).toEqual({ "publish failed": 1 });
  });

  it.each([
    [event("gap", { session: READER, channel: 0, reason: "trimmed" }), "gap"],
    [event("dead", { channel: "room:0" }), "dead letter"],
    [event("closed", { session: READER, code: 4500, isFinal: true }), "client gave up"],
    [event("disagreement", { problem: "…" }), "presence"],
    [event("unsettled", { pending: "1" }), "publish not settled"],
    [event("error", { code: "forbidden" }), "error"],
  ])("%o", (about, kind) => {
    expect(check(about).violations).toEqual({ [kind]: 1 });
  });
});

describe("no promise of order is made", () => {
  it("for a message that the fleet has refused for a time", () => {
    const postponed = event("postponed", { stream: LOG, seq: 1, code: "not_stored" });
    const swapped = [handled(READER, LOG, 2), handled(READER, LOG, 1)];
    const { violations } = check(published(LOG, 1), published(LOG, 2), postponed, swapped);
    expect(violations).toEqual({});
  });

  it("for messages at most once that their publisher has sent on two connections", () => {
    const second = published(LIVE, 2, { connection: 2 });
    const swapped = [received(HEARER, LIVE, 2), received(HEARER, LIVE, 1)];
    expect(check(published(LIVE, 1), second, swapped).violations).toEqual({});
  });

  it("from one connection of a hearer to the next", () => {
    const both = [received(HEARER, LIVE, 2), received(HEARER, LIVE, 1, { connection: 2 })];
    expect(check(published(LIVE, 1), published(LIVE, 2), both).violations).toEqual({});
  });
});

describe("members", () => {
  const ann = { name: "ann", token: "a", joins: [{ channel: 0 }] };
  const plan = {
    channels: ["room:0"],
    sessions: [ann, { name: "worker", joins: [{ channel: 0 }] }],
  };
  const problems = (...members: { id: string; connections: number }[]): string[] =>
    presenceProblems(plan, [{ witness: "node-0", members: [members] }]);

  it("agree when each client is there once", () => {
    expect(problems({ id: "ann", connections: 1 })).toEqual([]);
  });

  it.each([
    ["one is missing", []],
    ["one has two connections", [{ id: "ann", connections: 2 }]],
    ["one is there twice", Array(2).fill({ id: "ann", connections: 1 })],
    ["a stranger is there", ["ann", "bob"].map((id) => ({ id, connections: 1 }))],
  ])("do not when %s", (_, members: { id: string; connections: number }[]) => {
    expect(problems(...members)).not.toEqual([]);
  });
});
