import type { PresenceChanges, PresenceEntry, PresenceState } from "./presence-message.ts";
import { Roster, type Member, type PresenceEvent } from "./roster.ts";

/** Changes that wait for the parts of a state; with more, it is asked for again. */
const MAX_WAITING = 10_000;

/** A state whose parts are on their way. */
interface Arriving {
  readonly version: number;
  readonly entries: PresenceEntry[];
  /** Of its first part. */
  readonly partSize: number;
  nextPart: number;
  readonly later: PresenceChanges[];
}

export type PresenceListener = (event: PresenceEvent, member: Member) => void;

/** A channel whose members this node keeps: it follows what each node says, and knows what it missed. */
export class Watch {
  readonly listeners: Set<PresenceListener> = new Set();
  readonly #roster: Roster;
  readonly #versions = new Map<string, number>();
  readonly #arriving = new Map<string, Arriving>();
  readonly #whenReady: (() => void)[] = [];
  #isReady = false;

  constructor(tell: (listener: PresenceListener, event: PresenceEvent, member: Member) => void) {
    this.#roster = new Roster((event, member) => {
      // Who was there before are members, and no news.
      if (!this.#isReady) return;
      for (const listener of this.listeners) tell(listener, event, member);
    });
  }

  get size(): number {
    return this.#roster.size;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** The versions of the nodes that have entries here. */
  get versions(): Record<string, number> {
    const origins = [...this.#versions].filter(([origin]) => this.#roster.has(origin));
    return Object.fromEntries(origins);
  }

  page(after: string | undefined, limit: number): Member[] {
    return this.#roster.page(after, limit);
  }

  /** Resolves when all nodes have answered, or time is up. */
  ready(): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    return new Promise((resolve) => this.#whenReady.push(resolve));
  }

  setReady(): void {
    this.#isReady = true;
    for (const resolve of this.#whenReady.splice(0)) resolve();
  }

  /** @returns whether something before it was missed, and its node must be asked */
  change(message: PresenceChanges): "followed" | "missed" {
    const { origin, from, fromEmpty, changes } = message;
    const arriving = this.#arriving.get(origin);
    if (arriving !== undefined) {
      if (arriving.later.length < MAX_WAITING) {
        arriving.later.push(message);
        return "followed";
      }
      this.#arriving.delete(origin);
      return "missed";
    }
    let held = this.#versions.get(origin);
    if (fromEmpty && (held === undefined || held < from)) {
      this.#roster.replace(origin, []);
      held = from;
    }
    if (held === undefined || held < from) return "missed";
    for (const change of changes.slice(held - from)) {
      if (typeof change === "string") this.#roster.drop(origin, change);
      else this.#roster.put(origin, change);
    }
    this.#versions.set(origin, Math.max(held, from + changes.length));
    return "followed";
  }

  /** @returns whether its node must be asked again */
  state({ origin, version, part, isLast, entries }: PresenceState): "followed" | "missed" {
    const known = this.#arriving.get(origin);
    const isSame = known?.version === version;
    if (part === 0 && !(isSame && !isLast && known.partSize === entries.length)) {
      const later = known?.later ?? [];
      const partSize = entries.length;
      this.#arriving.set(origin, { version, entries: [], partSize, nextPart: 0, later });
    }
    const arriving = this.#arriving.get(origin);
    if (arriving === undefined) return "followed"; // the rest of one that was given up
    // Asked twice, a node answers twice, and the parts of both answers come in turn.
    const isKnown = part < arriving.nextPart;
    const isNext = part === arriving.nextPart || (isLast && part === arriving.nextPart - 1);
    if (arriving.version !== version || !(isNext || (isKnown && !isLast))) {
      this.#arriving.delete(origin);
      return "missed";
    }
    if (!isKnown) {
      arriving.nextPart++;
      for (const entry of entries) arriving.entries.push(entry);
    }
    if (!isLast) return "followed";
    this.#arriving.delete(origin);
    // Changes that came meanwhile may have led further already.
    if (version >= (this.#versions.get(origin) ?? 0)) {
      this.#roster.replace(origin, arriving.entries);
      this.#versions.set(origin, version);
    }
    const outcomes = arriving.later.map((message) => this.change(message));
    return outcomes.includes("missed") ? "missed" : "followed";
  }

  /** Its node has gone. */
  drop(origin: string): void {
    this.#arriving.delete(origin);
    this.#versions.delete(origin);
    this.#roster.replace(origin, []);
  }
}
