import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { Store, StoreEntry } from "../broker/store.ts";
import { BEAT_PREFIX, parseBeat, type Beat } from "./view.ts";

/**
 * Shares of the nominal lease. A node counts on its own for half of it, from when it sent a beat;
 * others end it when they have seen no other beat for six tenths. Clocks may run a fifth apart, and
 * what a crashed node owned is owned again before a whole lease has passed.
 */
const OWN_SHARE = 0.5;
const OTHERS_SHARE = 0.6;
const BEATS = 8;

export interface LeaseTimes {
  /** Between two beats. */
  readonly beatMs: number;
  readonly ownMs: number;
  readonly othersMs: number;
}

export function leaseTimes(leaseMs: number): LeaseTimes {
  return {
    beatMs: leaseMs / BEATS,
    ownMs: leaseMs * OWN_SHARE,
    othersMs: leaseMs * OTHERS_SHARE,
  };
}

export interface LeaseOptions {
  readonly id: string;
  readonly store: Store;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * This node's right to be a member, as Gray and Cheriton's leases (1989): renewed by beats, each of
 * which replaces the one before. Another node ends it by replacing the last beat; then no further
 * one succeeds, so the end is never in doubt.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #key: string;
  #run: string;
  #count = 0;
  #version: string | undefined;
  #untilMs = -Infinity;
  #notBeforeMs = -Infinity;
  /** Whether a beat has ever succeeded. */
  #hasBegun = false;
  /** The last beat of another process that has taken this node's id, and since when it is known. */
  #usurper: { readonly version: string | undefined; readonly sinceMs: number } | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#key = BEAT_PREFIX + options.id;
    this.#run = this.#newRun();
  }

  get run(): string {
    return this.#run;
  }

  get isValid(): boolean {
    const nowMs = this.#options.clock.nowMs();
    return nowMs < this.#untilMs && !this.isInherited;
  }

  /** An earlier process of this id may still count on its own lease. */
  get isInherited(): boolean {
    return this.#options.clock.nowMs() < this.#notBeforeMs;
  }

  /**
   * Takes over from an earlier process of this id.
   *
   * @param entry what the store has for this id
   */
  begin(entry: StoreEntry | undefined): void {
    this.#version = entry?.version;
    const beat = entry === undefined ? undefined : parseBeat(entry.value);
    if (beat === undefined || beat.expelled) return;
    this.#notBeforeMs = this.#options.clock.nowMs() + this.#options.times.othersMs;
  }

  /**
   * Sends a beat.
   *
   * @param adopted the epoch that the node acts by
   * @returns `lost` when the lease has ended: the node has to begin again, as another run. `usurped`
   *   while a newer process of this id lives: of two, the one that was started last stays
   */
  async renew(adopted: number): Promise<"renewed" | "lost" | "usurped"> {
    const { store, clock, times } = this.#options;
    if (this.#usurper !== undefined && (await this.#isUsurperAlive())) return "usurped";
    const sentMs = clock.nowMs();
    const beat: Beat = {
      run: this.#run,
      count: ++this.#count,
      // As long as an earlier process may act, nobody may take this one's word for it.
      adopted: this.isInherited ? 0 : adopted,
      expelled: false,
    };
    const version = await store.write(this.#key, JSON.stringify(beat), this.#version);
    if (version !== undefined) {
      this.#version = version;
      this.#hasBegun = true;
      this.#untilMs = sentMs + times.ownMs;
      return "renewed";
    }
    const entry = await this.#entry();
    const held = entry === undefined ? undefined : parseBeat(entry.value);
    this.#version = entry?.version;
    // A beat of our own whose confirmation was lost.
    if (held?.run === this.#run && !held.expelled) return this.renew(adopted);
    this.lose();
    if (held === undefined || held.expelled) return "lost";
    if (!this.#hasBegun) {
      // The earlier process is still there; this one is newer, and tries again.
      this.begin(entry);
      return "lost";
    }
    this.#usurper = { version: entry?.version, sinceMs: clock.nowMs() };
    return "usurped";
  }

  /** Whether the last beat of this id is of this run. */
  isLastIn(entries: ReadonlyMap<string, StoreEntry>): boolean {
    const entry = entries.get(this.#key);
    return entry !== undefined && parseBeat(entry.value)?.run === this.#run;
  }

  /** The node owns nothing from now on. */
  lose(): void {
    this.#untilMs = -Infinity;
    this.#run = this.#newRun();
  }

  async end(): Promise<void> {
    this.#untilMs = -Infinity;
    if (this.#usurper === undefined && this.#version !== undefined)
      await this.#options.store.remove(this.#key, this.#version);
  }

  /** As for any other node: a beat that does not change for too long is the last one. */
  async #isUsurperAlive(): Promise<boolean> {
    const { clock, times } = this.#options;
    const entry = await this.#entry();
    const nowMs = clock.nowMs();
    if (entry !== undefined && entry.version !== this.#usurper?.version) {
      this.#usurper = { version: entry.version, sinceMs: nowMs };
    }
    if (entry !== undefined && nowMs - (this.#usurper?.sinceMs ?? 0) < times.othersMs) return true;
    this.#usurper = undefined;
    this.#version = entry?.version;
    return false;
  }

  async #entry(): Promise<StoreEntry | undefined> {
    return (await this.#options.store.read(this.#key)).get(this.#key);
  }

  #newRun(): string {
    return this.#options.random.bytes(6).toString("hex");
  }
}
