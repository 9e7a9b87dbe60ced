import { findLosses } from "./losses.js";
import { Reception } from "./reception.js";
import { StreamRecord } from "./stream-record.js";
import { Violations } from "./violations.js";

/** What a client says of messages that it had to drop itself: no promise is broken by it. */
const OVERFLOW = "overflow";
/** Why a publisher may give a message up: it was never sent, was sent at most once, or it leaves itself. */
const FAILURES_ALLOWED = {
  "at-least-once": ["queue_full", "own_node_left"],
  "at-most-once": ["queue_full", "unconfirmed", "fleet_left", "own_node_left"],
};

/**
 * Takes a run's history, event by event, and says what of it contradicts the promises. It is a
 * function of the plan and the events alone.
 */
export class Checker {
  violations = new Violations();
  counts = {
    delivered: 0,
    redelivered: 0,
    suppressed: 0,
    refusedByHandlers: 0,
    handledAgainAfterKill: 0,
    gaps: 0,
    overflows: 0,
    deadLetters: 0,
    connections: 0,
  };
  /** How often connections ended with each code, and publishing with each error. */
  closes = {};
  failures = {};
  #plan;
  #streams;
  /** By session and stream. */
  #receptions;
  /** When each session was in each channel for sure. */
  #joinedAt;
  /** Messages that were handled before anybody was heard to publish them. */
  #unknown = [];

  /** @param plan of which `channels`, `sessions` and `streams` are read */
  constructor(plan) {
    this.#plan = plan;
    this.#streams = plan.streams.map((stream) => new StreamRecord(stream));
    this.#receptions = plan.sessions.map(() => []);
    this.#joinedAt = plan.sessions.map(() => new Map());
  }

  observe(event) {
    const handler = this.#handlers[event.type];
    if (handler === undefined) throw new Error(`no such event: ${event.type}`);
    handler(event);
  }

  /** The numbers with which publishers go on after a restart. */
  get lastNumbers() {
    return this.#streams.map(({ last }) => last);
  }

  get published() {
    return this.#streams.reduce((sum, { published }) => sum + published, 0);
  }

  get confirmed() {
    return this.#streams.reduce((sum, { confirmed }) => sum + confirmed, 0);
  }

  /** Messages that sessions should have and have not, by what was promised of them. */
  losses() {
    return findLosses(this.#plan, {
      streams: this.#streams,
      receptionOf: (session, stream) => this.#reception(session, stream),
      joinedAt: this.#joinedAt,
    });
  }

  /** Everything has ended: what is missing now is lost. @returns how much was lost, by promise */
  conclude() {
    const { kept, live } = this.losses();
    for (const loss of kept) this.violations.add("lost", { ...loss, ...this.#when(loss) });
    this.#checkOrder();
    for (const event of this.#unknown) {
      const isKnown = this.#streams[event.stream].startedAt(event.seq) > 0;
      if (!isKnown) this.violations.add("never published", event);
    }
    return { kept: kept.length, live };
  }

  #handlers = {
    started: ({ stream, seq, at }) => this.#streams[stream].started(seq, at),
    sent: ({ stream, seq, connection }) => this.#streams[stream].sentOn(seq, connection),
    confirmed: ({ stream, seq, at }) => this.#streams[stream].confirm(seq, at),
    postponed: ({ stream, seq, code }) => {
      this.#streams[stream].refuse(seq);
      add(this.failures, `${code}, tried again`);
    },
    failed: (event) => this.#failed(event),
    joined: ({ session, channel, at }) => {
      const joined = this.#joinedAt[session];
      if (!joined.has(channel)) joined.set(channel, at);
    },
    received: (event) => this.#received(event),
    handled: (event) => this.#handled(event, false),
    refused: (event) => this.#handled(event, true),
    gap: (event) => this.#gap(event),
    dead: (event) => {
      this.counts.deadLetters++;
      this.violations.add("dead letter", event);
    },
    opened: () => this.counts.connections++,
    closed: (event) => {
      add(this.closes, event.code);
      if (event.isFinal) this.violations.add("client gave up", event);
    },
    error: (event) => this.violations.add("error", event),
    disagreement: (event) => this.violations.add("presence", event),
    unsettled: (event) => this.violations.add("publish not settled", event),
  };

  #failed(event) {
    const stream = this.#streams[event.stream];
    stream.fail(event.seq);
    add(this.failures, event.code);
    if (!FAILURES_ALLOWED[stream.delivery].includes(event.code)) {
      this.violations.add("publish failed", event);
    }
  }

  #received(event) {
    const { session, stream, seq, life, connection, deliveries } = event;
    const reception = this.#reception(session, stream);
    if (deliveries > 1) this.counts.redelivered++;
    if (this.#isKept(session, stream)) {
      if (reception.receivedKept(seq, life)) this.counts.suppressed++;
    } else if (reception.receivedOnce(seq, connection)) {
      this.violations.add("sent twice", { ...event, ...this.#when(event) });
    }
  }

  #handled(event, hasFailed) {
    const { session, stream, seq, life } = event;
    const known = this.#streams[stream];
    // Of two processes, the one that was second may be heard first.
    if (known.startedAt(seq) === 0) this.#unknown.push(event);
    if (!this.#isExpected(session, known)) this.violations.add("not joined", event);
    const reception = this.#reception(session, stream);
    const outcome = reception.handled(seq, life, hasFailed);
    if (this.#isKept(session, stream)) reception.called(seq, life);
    if (hasFailed) this.counts.refusedByHandlers++;
    if (outcome === "first" && !hasFailed) this.counts.delivered++;
    if (outcome === "after a kill") this.counts.handledAgainAfterKill++;
    if (outcome === "repeated") {
      this.violations.add("handled twice", { ...event, ...this.#when(event) });
    }
  }

  #gap(event) {
    if (event.reason === OVERFLOW) {
      this.counts.overflows++;
      return;
    }
    this.counts.gaps++;
    this.violations.add("gap", event);
  }

  #checkOrder() {
    for (const [session, receptions] of this.#receptions.entries()) {
      for (const [stream, reception] of receptions.entries()) {
        for (const { seq, larger } of reception?.order.suspicions ?? []) {
          const record = this.#streams[stream];
          const isWrong = this.#isKept(session, stream)
            ? record.areOrderedInLog(seq, larger)
            : record.areOrderedLive(seq, larger);
          const about = { session, stream, seq, cameAfter: larger };
          if (isWrong) this.violations.add("out of order", { ...about, ...this.#when(about) });
        }
      }
    }
  }

  #reception(session, stream) {
    return (this.#receptions[session][stream] ??= new Reception());
  }

  #isExpected(session, { channel }) {
    return this.#plan.sessions[session].joins.some((join) => join.channel === channel);
  }

  /** Whether the stream comes to the session from the log. */
  #isKept(session, stream) {
    const { channel, isKept } = this.#streams[stream];
    const join = this.#plan.sessions[session].joins.find((each) => each.channel === channel);
    return isKept && join?.delivery === "at-least-once";
  }

  #when({ stream, seq }) {
    const record = this.#streams[stream];
    return { publishedAt: record.startedAt(seq), confirmedAt: record.confirmedAt(seq) };
  }
}

function add(counts, name) {
  counts[name] = (counts[name] ?? 0) + 1;
}
