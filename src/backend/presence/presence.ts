import type { Clock, Timer } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Bus, BusMessage } from "../broker/bus.ts";
import type { Connection } from "../connection.ts";
import { FleetError } from "../fleet-error.ts";
import type { FleetStats } from "../fleet-stats.ts";
import { Attendance } from "./attendance.ts";
import { Origins } from "./origins.ts";
import {
  decodePresence,
  encodePresence,
  type PresenceAsk,
  type PresenceChanges,
  type PresenceMessage,
} from "./presence-message.ts";
import { Watches } from "./watches.ts";

/** On the bus: what all nodes hear; what one node is told; the changes of one channel. */
const ALL = "#presence";
const TO = "#presence@";
const OF = "#presence:";
/** Of members in one message: each has a bounded size. */
const MAX_ENTRIES = 100;
const MAX_DATA_BYTES = 4 * 1024;
/** For the answers to a new node's hello, where nobody else knows who lives. */
const HELLO_MS = 1_000;

export interface PresenceOptions {
  /** Of this node, another one after each start. */
  readonly origin: string;
  readonly bus: Bus;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: FleetStats;
  /** See `Outbox.push`. */
  readonly send: (message: BusMessage) => Promise<void> | undefined;
  readonly isHearing: () => boolean;
  /** The ids of all nodes, where a store knows them; else empty. */
  readonly nodes: () => readonly string[];
}

/**
 * Who is in which channel. Nothing is stored: each node says what it knows first-hand, its own
 * connections, and whoever wants to know a channel's members puts together what all have said. A
 * node that is not heard for its lease has no members any more.
 *
 * As the state-based sets of Shapiro et al., "Conflict-free Replicated Data Types" (2011), with one
 * writer for each entry: so versions suffice, and no entry needs a tombstone.
 */
export class Presence {
  readonly watches: Watches;
  readonly #options: PresenceOptions;
  readonly #attendance: Attendance;
  readonly #origins: Origins;
  /** Channels whose changes could not be sent: the others are told that they have missed some. */
  readonly #unsent = new Set<string>();
  #hello: Timer | undefined;
  #isGreeted = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { origin, bus, leaseMs, graceMs, clock, logger, stats, isHearing, nodes } = options;
    this.#attendance = new Attendance({
      graceMs,
      clock,
      onChanges: (all) => {
        for (const changes of all) this.#tellChanges(changes);
      },
    });
    this.#origins = new Origins({
      leaseMs,
      clock,
      isHearing,
      onTick: () => this.#tick(),
      onGone: (gone) => {
        stats.presenceLeasesEnded++;
        logger.info("a node's members have left with it", { origin: gone });
        this.watches.gone(gone);
      },
    });
    this.watches = new Watches({
      bus,
      clock,
      patienceMs: leaseMs,
      topicOf: (channel) => OF + channel,
      isComplete: (answered) => {
        const ids = new Set(
          [...answered, origin].map((name) => name.slice(0, name.lastIndexOf("~"))),
        );
        const isKnown = this.#isGreeted || nodes().length > 0;
        return (
          isKnown &&
          this.#origins.all.every((other) => answered.has(other)) &&
          nodes().every((id) => ids.has(id))
        );
      },
      ask: (question) => void this.#send(ALL, { type: "ask", origin, ...question }),
      onOpen: (channel, watch) => {
        const { version, entries } = this.#attendance.entries.stateOf(channel);
        const state = { type: "state", origin, channel, version, part: 0, isLast: true } as const;
        watch.state({ ...state, entries: [...entries] });
      },
      tell: (listener, event, member) => {
        try {
          listener(event, member);
        } catch (error) {
          stats.subscriberErrors++;
          logger.error("a listener for presence failed", { cause: describeError(error) });
        }
      },
      onError: (error) => logger.warn("not unsubscribed", { cause: describeError(error) }),
    });
  }

  /** Connections of this node in channels, each channel counted. */
  get size(): number {
    return this.#attendance.entries.size;
  }

  async start(): Promise<void> {
    const { bus, origin, clock } = this.#options;
    await bus.subscribe([ALL, TO + origin]);
    this.#send(ALL, { type: "hello", origin });
    this.#hello = clock.after(HELLO_MS, () => {
      this.#isGreeted = true;
      this.watches.check();
    });
    this.#origins.start();
  }

  /** @throws FleetError `bad_message` for metadata that JSON can't say, or that is too much */
  join(connection: Connection, channel: string, data: unknown): void {
    checkData(data);
    this.#attendance.join(connection, channel, data);
  }

  leave(connection: Connection, channel: string): void {
    this.#attendance.leave(connection, channel);
  }

  /** Its members stay for the grace time. */
  closed(connection: Connection): void {
    this.#attendance.closed(connection);
  }

  /** @returns false for what belongs to somebody else */
  receive(channel: string, payload: Buffer): boolean {
    if (!channel.startsWith(ALL)) return false;
    const { origin, stats } = this.#options;
    const message = decodePresence(payload);
    if (message === undefined) stats.malformed++;
    else if (message.origin !== origin) this.#received(message);
    return true;
  }

  restored(): void {
    this.#origins.restored();
    this.watches.restored();
  }

  close(): void {
    const { origin, graceMs } = this.#options;
    this.#send(ALL, { type: "bye", origin, graceMs });
    this.#hello?.cancel();
    this.#origins.close();
    this.#attendance.close();
    this.watches.close();
  }

  #received(message: PresenceMessage): void {
    const { origin } = message;
    if (message.type === "bye") {
      this.#origins.left(origin, message.graceMs);
      this.watches.check();
      return;
    }
    const isKnown = this.#origins.heard(origin);
    switch (message.type) {
      case "beat":
        if (!isKnown && message.entries > 0) this.watches.appeared(origin);
        break;
      case "hello":
        this.#beat();
        break;
      case "ask":
        // Too much waits for the broker: it asks again.
        this.#answer(message).catch(() => undefined);
        break;
      case "answered":
        this.watches.answered(origin, message.channels);
        break;
      case "changes":
      case "state":
        this.watches.receive(message);
    }
  }

  #beat(): void {
    const { origin } = this.#options;
    this.#send(ALL, { type: "beat", origin, entries: this.size });
  }

  #tick(): void {
    const { origin } = this.#options;
    this.#beat();
    for (const channel of [...this.#unsent]) {
      const { version } = this.#attendance.entries.stateOf(channel);
      const news = { from: version, fromEmpty: false, changes: [] };
      if (!this.#send(OF + channel, { type: "changes", origin, channel, ...news })) break;
      this.#unsent.delete(channel);
    }
    this.watches.tick();
  }

  #tellChanges({
    channel,
    from,
    fromEmpty,
    changes,
  }: Pick<PresenceChanges, "channel" | "from" | "fromEmpty" | "changes">): void {
    const { origin } = this.#options;
    for (let at = 0; at < changes.length; at += MAX_ENTRIES) {
      const message = {
        type: "changes",
        origin,
        channel,
        from: from + at,
        fromEmpty: fromEmpty && at === 0,
        changes: changes.slice(at, at + MAX_ENTRIES),
      } as const;
      this.watches.receive(message);
      if (!this.#send(OF + channel, message)) this.#unsent.add(channel);
    }
  }

  /** What an asking node does not have yet. Large lists go as fast as the broker takes them. */
  async #answer({ origin: asker, of, channels }: PresenceAsk): Promise<void> {
    const { origin } = this.#options;
    if (of !== undefined && of !== origin) return;
    const to = TO + asker;
    for (const [channel, versions] of channels) {
      const { version, entries } = this.#attendance.entries.stateOf(channel);
      const known = versions[origin];
      const isNews = known === undefined ? entries.length > 0 : known !== version;
      for (let at = 0, part = 0; isNews && (at < entries.length || part === 0); part++) {
        const some = entries.slice(at, at + MAX_ENTRIES);
        at += MAX_ENTRIES;
        const isLast = at >= entries.length;
        const state = { type: "state", origin, channel, version, part, isLast } as const;
        await this.#options.send({
          channel: to,
          payload: encodePresence({ ...state, entries: [...some] }),
        });
      }
    }
    this.#send(to, { type: "answered", origin, channels: channels.map(([channel]) => channel) });
  }

  /** @returns false when too much waits for the broker already */
  #send(channel: string, message: PresenceMessage): boolean {
    try {
      void this.#options.send({ channel, payload: encodePresence(message) });
      return true;
    } catch (error) {
      if (error instanceof FleetError && error.code === "queue_full") return false;
      throw error;
    }
  }
}

/** @throws FleetError `bad_message` */
function checkData(data: unknown): void {
  let bytes: number;
  try {
    bytes = Buffer.byteLength(JSON.stringify(data));
  } catch (cause) {
    throw new FleetError("bad_message", "presence can't be told: JSON can't say it", { cause });
  }
  if (bytes <= MAX_DATA_BYTES) return;
  throw new FleetError(
    "bad_message",
    `presence of ${bytes} bytes is over the limit of ${MAX_DATA_BYTES}: give less, such as an id`,
  );
}
