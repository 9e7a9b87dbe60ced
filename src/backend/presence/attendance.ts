import type { Clock, Timer } from "../../core/clock.ts";
import type { Connection } from "../connection.ts";
import { OwnEntries } from "./own-entries.ts";
import type { PresenceChanges } from "./presence-message.ts";

/** A connection that has closed, and may come back. */
interface Lingering {
  readonly channel: string;
  readonly key: string;
  readonly dueMs: number;
}

export interface AttendanceOptions {
  /** How long a member whose connection closed is still there. */
  readonly graceMs: number;
  readonly clock: Clock;
  /** In the turn in which something changed, when it ends. */
  readonly onChanges: (
    changes: Iterable<Pick<PresenceChanges, "channel" | "from" | "fromEmpty" | "changes">>,
  ) => void;
}

const SWEEPS_IN_GRACE = 8;
const SHORTEST_SWEEP_MS = 20;

/**
 * The connections of this node that are members somewhere. One that closes keeps its place for the
 * grace time, and whoever returns with its session takes the place over: nobody else notices.
 */
export class Attendance {
  readonly entries: OwnEntries = new OwnEntries();
  readonly #options: AttendanceOptions;
  /** The key of each connection in each of its channels. */
  readonly #keys = new Map<Connection, Map<string, string>>();
  /** The grace is the same for all, so this is in order. */
  readonly #lingering = new Map<string, Lingering>();
  #serial = 0;
  #sweep: Timer | undefined;
  #isFlushing = false;

  constructor(options: AttendanceOptions) {
    this.#options = options;
  }

  join(connection: Connection, channel: string, data: unknown): void {
    let keys = this.#keys.get(connection);
    if (keys === undefined) {
      keys = new Map();
      this.#keys.set(connection, keys);
    }
    const key = keys.get(channel) ?? this.#takeOver(connection, channel) ?? String(++this.#serial);
    keys.set(channel, key);
    const before = this.entries.get(channel, key);
    // What JSON can't tell apart is the same: this node must not see more than the others.
    if (before !== undefined && JSON.stringify(before.data) === JSON.stringify(data)) return;
    const { session } = connection;
    const since = Math.round(this.#options.clock.dateMs());
    this.entries.set(channel, { key, member: memberOf(connection), session, data, since });
    this.#flushSoon();
  }

  /** On purpose, so at once. */
  leave(connection: Connection, channel: string): void {
    const keys = this.#keys.get(connection);
    const key = keys?.get(channel);
    if (keys === undefined || key === undefined) return;
    keys.delete(channel);
    if (keys.size === 0) this.#keys.delete(connection);
    this.#drop(channel, key);
  }

  closed(connection: Connection): void {
    const { clock, graceMs } = this.#options;
    for (const [channel, key] of this.#keys.get(connection) ?? []) {
      const place = placeOf(connection, channel);
      const other = this.#lingering.get(place);
      if (other !== undefined) this.#drop(channel, other.key);
      this.#lingering.delete(place);
      this.#lingering.set(place, { channel, key, dueMs: clock.nowMs() + graceMs });
    }
    this.#keys.delete(connection);
    if (this.#lingering.size === 0) return;
    const sweepMs = Math.max(SHORTEST_SWEEP_MS, graceMs / SWEEPS_IN_GRACE);
    this.#sweep ??= clock.every(sweepMs, () => this.#endLingering());
  }

  close(): void {
    this.#sweep?.cancel();
    this.#keys.clear();
    this.#lingering.clear();
  }

  /** @returns the key of a connection of the same session that has closed */
  #takeOver(connection: Connection, channel: string): string | undefined {
    const place = placeOf(connection, channel);
    const lingering = this.#lingering.get(place);
    this.#lingering.delete(place);
    return lingering?.key;
  }

  #endLingering(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [place, { channel, key, dueMs }] of this.#lingering) {
      if (dueMs > nowMs) return;
      this.#lingering.delete(place);
      this.#drop(channel, key);
    }
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  #drop(channel: string, key: string): void {
    if (this.entries.delete(channel, key)) this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#options.clock.soon(() => {
      this.#isFlushing = false;
      this.#options.onChanges(this.entries.takeChanges());
    });
  }
}

function memberOf({ user, session }: Connection): string {
  return user ?? session;
}

function placeOf(connection: Connection, channel: string): string {
  return JSON.stringify([channel, memberOf(connection), connection.session]);
}
