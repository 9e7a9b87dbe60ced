import { isDeepStrictEqual } from "node:util";
import type { PresenceEntry } from "./presence-message.ts";

export interface MemberConnection {
  readonly node: string;
  readonly session: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Who is in a channel: one user, or one session where no user is known. */
export interface Member {
  readonly id: string;
  /** What its last `join` gave as `presence`. */
  readonly data: unknown;
  readonly connections: readonly MemberConnection[];
}

export type PresenceEvent = "join" | "leave" | "update";

interface Placed extends PresenceEntry {
  readonly origin: string;
}

interface Held {
  /** By origin and key. */
  readonly entries: Map<string, Placed>;
  latest: Placed;
}

/**
 * The members of one channel, put together from what each node says of its own connections. The same
 * entries make the same members, in whatever order they came.
 */
export class Roster {
  readonly #onEvent: (event: PresenceEvent, member: Member) => void;
  readonly #members = new Map<string, Held>();
  readonly #byOrigin = new Map<string, Map<string, Placed>>();
  /** Ids in order, once somebody has asked for them. */
  #sorted: string[] | undefined;

  constructor(onEvent: (event: PresenceEvent, member: Member) => void) {
    this.#onEvent = onEvent;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Whether a node has anybody here. */
  has(origin: string): boolean {
    return this.#byOrigin.has(origin);
  }

  /** A page of members by the order of their ids. @param after the last id of the page before */
  page(after: string | undefined, limit: number): Member[] {
    const sorted = (this.#sorted ??= [...this.#members.keys()].sort());
    const start = after === undefined ? 0 : placeBehind(sorted, after);
    return sorted.slice(start, start + limit).flatMap((id) => {
      const held = this.#members.get(id);
      return held === undefined ? [] : [memberOf(id, held)];
    });
  }

  put(origin: string, entry: PresenceEntry): void {
    const entries = this.#entriesOf(origin);
    const before = entries.get(entry.key);
    // A key that changes hands: its new member comes before the old one goes.
    const placed = { ...entry, origin };
    entries.set(entry.key, placed);
    this.#add(placed);
    if (before !== undefined && before.member !== entry.member) this.#remove(before);
  }

  drop(origin: string, key: string): void {
    const entries = this.#byOrigin.get(origin);
    const entry = entries?.get(key);
    if (entries === undefined || entry === undefined) return;
    entries.delete(key);
    if (entries.size === 0) this.#byOrigin.delete(origin);
    this.#remove(entry);
  }

  /** All that a node has. Who stays, under whatever key, has not left meanwhile. */
  replace(origin: string, entries: readonly PresenceEntry[]): void {
    const old = [...(this.#byOrigin.get(origin)?.keys() ?? [])];
    const kept = new Set(entries.map(({ key }) => key));
    for (const entry of entries) this.put(origin, entry);
    for (const key of old) if (!kept.has(key)) this.drop(origin, key);
  }

  #entriesOf(origin: string): Map<string, Placed> {
    let entries = this.#byOrigin.get(origin);
    if (entries === undefined) {
      entries = new Map();
      this.#byOrigin.set(origin, entries);
    }
    return entries;
  }

  #add(entry: Placed): void {
    const id = entry.member;
    const held = this.#members.get(id);
    if (held === undefined) {
      const made = { entries: new Map([[placeOf(entry), entry]]), latest: entry };
      this.#members.set(id, made);
      if (this.#sorted !== undefined) {
        this.#sorted.splice(placeBehind(this.#sorted, id), 0, id);
      }
      this.#onEvent("join", memberOf(id, made));
      return;
    }
    held.entries.set(placeOf(entry), entry);
    this.#settle(id, held);
  }

  #remove(entry: Placed): void {
    const id = entry.member;
    const held = this.#members.get(id);
    if (held?.entries.delete(placeOf(entry)) !== true) return;
    if (held.entries.size > 0) {
      this.#settle(id, held);
      return;
    }
    this.#members.delete(id);
    if (this.#sorted !== undefined) {
      this.#sorted.splice(placeBehind(this.#sorted, id) - 1, 1);
    }
    this.#onEvent("leave", { id, data: held.latest.data, connections: [] });
  }

  #settle(id: string, held: Held): void {
    const { data } = held.latest;
    held.latest = latestOf(held.entries.values()) ?? held.latest;
    if (!isDeepStrictEqual(data, held.latest.data)) this.#onEvent("update", memberOf(id, held));
  }
}

/** The same on every node: the time decides, and then the place. */
function latestOf(entries: Iterable<Placed>): Placed | undefined {
  let latest: Placed | undefined;
  for (const entry of entries) {
    if (latest === undefined || entry.since > latest.since) latest = entry;
    else if (entry.since === latest.since && placeOf(entry) > placeOf(latest)) latest = entry;
  }
  return latest;
}

function placeOf({ origin, key }: Placed): string {
  return `${origin} ${key}`;
}

function memberOf(id: string, { entries, latest }: Held): Member {
  const connections = [...entries.values()]
    .map(({ origin, session, since }) => ({ node: nodeOf(origin), session, since }))
    .sort((a, b) => a.since - b.since || (a.node < b.node ? -1 : 1));
  return { id, data: latest.data, connections };
}

/** An origin is the id of its node, `~`, and what tells its starts apart. */
function nodeOf(origin: string): string {
  return origin.slice(0, origin.lastIndexOf("~"));
}

/** Where the first id behind this one stands, in a list without doubles. */
function placeBehind(sorted: readonly string[], id: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
