import type { PresenceChanges, PresenceEntry } from "./presence-message.ts";

interface OwnChannel {
  readonly entries: Map<string, PresenceEntry>;
  version: number;
  /** Changes since the last time that the others were told. */
  untold: (PresenceEntry | string)[];
  wasEmpty: boolean;
}

/** What this node has to say: its own connections in each channel, and how that has changed. */
export class OwnEntries {
  readonly #channels = new Map<string, OwnChannel>();
  readonly #changed = new Set<string>();
  #size = 0;
  /** At least the version of any channel there was: a channel that begins anew goes on counting. */
  #serial = 0;

  /** In all channels. */
  get size(): number {
    return this.#size;
  }

  set(channel: string, entry: PresenceEntry): void {
    const own = this.#channelOf(channel);
    if (!own.entries.has(entry.key)) this.#size++;
    own.entries.set(entry.key, entry);
    this.#change(channel, own, entry);
  }

  /** @returns false when there was none */
  delete(channel: string, key: string): boolean {
    const own = this.#channels.get(channel);
    if (own?.entries.delete(key) !== true) return false;
    this.#size--;
    this.#change(channel, own, key);
    return true;
  }

  get(channel: string, key: string): PresenceEntry | undefined {
    return this.#channels.get(channel)?.entries.get(key);
  }

  /** What a channel has, also one that has nothing. */
  stateOf(channel: string): {
    readonly version: number;
    readonly entries: readonly PresenceEntry[];
  } {
    const own = this.#channels.get(channel);
    if (own === undefined) return { version: this.#serial, entries: [] };
    return { version: own.version, entries: [...own.entries.values()] };
  }

  /** What has changed since the last call, of each channel. */
  *takeChanges(): Generator<Pick<PresenceChanges, "channel" | "from" | "fromEmpty" | "changes">> {
    for (const channel of this.#changed) {
      const own = this.#channels.get(channel);
      if (own === undefined) continue;
      const { untold, version, wasEmpty } = own;
      own.untold = [];
      own.wasEmpty = own.entries.size === 0;
      if (own.wasEmpty) this.#channels.delete(channel);
      yield { channel, from: version - untold.length, fromEmpty: wasEmpty, changes: untold };
    }
    this.#changed.clear();
  }

  #change(channel: string, own: OwnChannel, change: PresenceEntry | string): void {
    own.version++;
    this.#serial = Math.max(this.#serial, own.version);
    own.untold.push(change);
    this.#changed.add(channel);
  }

  #channelOf(channel: string): OwnChannel {
    let own = this.#channels.get(channel);
    if (own === undefined) {
      own = { entries: new Map(), version: this.#serial, untold: [], wasEmpty: true };
      this.#channels.set(channel, own);
    }
    return own;
  }
}
