import type { Clock } from "../../core/clock.ts";
import type { Store, StoreEntry } from "../broker/store.ts";
import { BEAT_PREFIX, parseBeat, type Beat, type Member, type View } from "./view.ts";

interface Seen {
  /** Undefined while there is no beat at all. */
  version: string | undefined;
  sinceMs: number;
}

export interface PeersOptions {
  readonly id: string;
  readonly store: Store;
  /** A member whose beat has not changed for this long is expelled. */
  readonly silenceMs: number;
  readonly clock: Clock;
}

/** The other members' beats, as this node sees them by its own clock. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #seen = new Map<string, Seen>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /**
   * Ends the leases of members that are silent.
   *
   * @returns the ids of those whose leases have ended
   */
  async expelSilent(
    members: readonly Member[],
    entries: ReadonlyMap<string, StoreEntry>,
  ): Promise<ReadonlySet<string>> {
    const expelled = new Set<string>();
    for (const { id } of members) {
      if (id === this.#options.id) continue;
      const entry = entries.get(BEAT_PREFIX + id);
      if (beatOf(entry)?.expelled === true || (await this.#expelIfSilent(id, entry))) {
        expelled.add(id);
      }
    }
    const ids = new Set(members.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
    return expelled;
  }

  /** Nobody acts by an earlier view any more: each member says that it has adopted this one. */
  haveAdopted(view: View, entries: ReadonlyMap<string, StoreEntry>): boolean {
    return view.members.every(({ id, run }) => {
      if (id === this.#options.id) return true;
      const beat = beatOf(entries.get(BEAT_PREFIX + id));
      return beat?.run === run && !beat.expelled && beat.adopted >= view.epoch;
    });
  }

  /** Removes what is left of members that were expelled and are in no view any more. */
  async forget(ids: ReadonlySet<string>): Promise<void> {
    const { store } = this.#options;
    for (const id of ids) {
      const key = BEAT_PREFIX + id;
      const entry = (await store.read(key)).get(key);
      if (entry !== undefined && beatOf(entry)?.expelled === true) {
        await store.remove(key, entry.version);
      }
    }
  }

  async #expelIfSilent(id: string, entry: StoreEntry | undefined): Promise<boolean> {
    const { clock, silenceMs, store } = this.#options;
    const nowMs = clock.nowMs();
    const seen = this.#seen.get(id);
    if (seen === undefined || seen.version !== entry?.version) {
      this.#seen.set(id, { version: entry?.version, sinceMs: nowMs });
      return false;
    }
    if (nowMs - seen.sinceMs < silenceMs) return false;
    const last = beatOf(entry) ?? { run: "", count: 0, adopted: 0 };
    const end: Beat = { ...last, expelled: true };
    // It fails if the member has sent another beat, however late.
    return (await store.write(BEAT_PREFIX + id, JSON.stringify(end), entry?.version)) !== undefined;
  }
}

function beatOf(entry: StoreEntry | undefined): Beat | undefined {
  return entry === undefined ? undefined : parseBeat(entry.value);
}
