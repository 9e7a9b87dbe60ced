import type { Clock, Timer } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Random } from "../../core/random.ts";
import type { Store, StoreEntry } from "../broker/store.ts";
import { FleetError } from "../fleet-error.ts";
import { Lease, leaseTimes } from "./lease.ts";
import { Peers } from "./peers.ts";
import {
  BEAT_PREFIX,
  parseView,
  tableNames,
  VIEW_KEY,
  type Member,
  type Tables,
  type View,
} from "./view.ts";

/** Changes that come together are dealt with together. */
const SOON_MS = 10;
const MAX_ATTEMPTS = 50;
/** For a store that has just been made, or has lost its leader, to answer a node that joins. */
const JOIN_MS = 15_000;
const JOIN_RETRY_MS = 250;

export interface MembershipOptions {
  readonly id: string;
  readonly weight: number;
  /** Of a fleet that has none yet. */
  readonly tables: Tables;
  readonly leaseMs: number;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Makes the other nodes look at the store. */
  readonly tellOthers: () => void;
  /**
   * @param isNext it follows the view before it directly
   */
  readonly onView: (view: View, isNext: boolean) => void;
  /** All members act by the view of now. */
  readonly onSettled: () => void;
  /** This node was expelled, and owns nothing until it is in a view again. */
  readonly onLost: () => void;
}

/**
 * Who is in the fleet. Each node beats for itself, watches the others, and replaces the view in the
 * store when it joins, leaves, or finds a silent one; the store decides between two who do so at once.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #lease: Lease;
  readonly #peers: Peers;
  #view: View | undefined;
  #isDraining = false;
  #tick: Timer | undefined;
  #soon: Timer | undefined;
  #round: Promise<void> | undefined;
  #isLeaving = false;
  #isFailing = false;
  #isUsurped = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { id, store, clock, random, leaseMs } = options;
    const times = leaseTimes(leaseMs);
    this.#lease = new Lease({ id, store, times, clock, random });
    this.#peers = new Peers({ id, store, silenceMs: times.othersMs, clock });
  }

  /** The view that this node acts by. */
  get view(): View | undefined {
    return this.#view;
  }

  /** Whether this node may act as a member at this moment. */
  get isValid(): boolean {
    return this.#lease.isValid;
  }

  /**
   * Resolves when this node is in a view.
   *
   * @throws FleetError `bad_shards` when the fleet shares out its keys in another way; Error when the
   *   store does not answer
   */
  async join(): Promise<void> {
    const { store, clock, leaseMs, id } = this.#options;
    const key = BEAT_PREFIX + id;
    const endMs = clock.nowMs() + JOIN_MS;
    let hasBegun = false;
    while (this.#view === undefined) {
      try {
        if (!hasBegun) this.#lease.begin((await store.read(key)).get(key));
        hasBegun = true;
        await this.#enterRound();
      } catch (error) {
        if (error instanceof FleetError || clock.nowMs() > endMs) throw error;
        await new Promise<void>((resolve) => void clock.after(JOIN_RETRY_MS, resolve));
      }
    }
    this.#tick = clock.every(leaseTimes(leaseMs).beatMs, () => void this.look());
  }

  /** Looks at the store now. Failures are logged, and made good by the next time. */
  async look(): Promise<void> {
    if (this.#isLeaving) return;
    try {
      await this.#enterRound();
      this.#report(undefined);
    } catch (error) {
      this.#report(error);
    }
  }

  /** The same, a little later: several calls make one. */
  lookSoon(): void {
    const { clock, random } = this.#options;
    if (this.#isLeaving) return;
    this.#soon ??= clock.after(SOON_MS * (0.5 + random.fraction()), () => {
      this.#soon = undefined;
      void this.look();
    });
  }

  /**
   * Replaces the view.
   *
   * @param edit makes the next view of the one before, without its epoch; undefined to leave it
   * @throws FleetError `shards_contended`; what `edit` throws
   */
  async change(edit: (view: View) => Omit<View, "epoch"> | undefined): Promise<void> {
    const { store, clock, random } = this.#options;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const entry = (await store.read(VIEW_KEY)).get(VIEW_KEY);
      const view = entry === undefined ? undefined : parseView(entry.value);
      const next = view === undefined ? undefined : edit(view);
      if (entry === undefined || view === undefined || next === undefined) return;
      if (await this.#replace({ ...next, epoch: view.epoch + 1 }, entry.version)) return;
      await new Promise<void>((resolve) => {
        clock.after(SOON_MS * random.fraction() * (attempt + 1), resolve);
      });
    }
    throw new FleetError(
      "shards_contended",
      "the shards are being changed all the time; try again",
    );
  }

  /** Gives up what it owns and stays a member. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.change((view) => {
      const { run } = this.#lease;
      const isThis = (member: Member): boolean => member.run === run && !member.draining;
      if (!view.members.some(isThis)) return undefined;
      const members = view.members.map((member) =>
        isThis(member) ? { ...member, draining: true } : member,
      );
      return { ...view, members };
    });
  }

  async leave(): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#tick?.cancel();
    this.#soon?.cancel();
    await this.#round?.catch(() => undefined); // whoever began it hears of it
    const { run } = this.#lease;
    this.#lease.lose();
    // The others must not take over at once what a process before this one may still act upon.
    if (this.#lease.isInherited) return;
    try {
      await this.change((view) => {
        // A newer process of this id stays.
        const members = view.members.filter((member) => member.run !== run);
        return members.length === view.members.length ? undefined : { ...view, members };
      });
      await this.#lease.end();
    } catch (error) {
      // The others find out when the lease ends.
      this.#report(error);
    }
  }

  /** One round at a time: two would take each other for another process. */
  #enterRound(): Promise<void> {
    this.#round ??= this.#runRound().finally(() => (this.#round = undefined));
    return this.#round;
  }

  async #runRound(): Promise<void> {
    const { store, onLost } = this.#options;
    const outcome = await this.#lease.renew(this.#view?.epoch ?? 0);
    this.#reportUsurper(outcome === "usurped");
    if (outcome !== "renewed") {
      onLost();
      if (outcome === "lost") this.lookSoon();
      return;
    }
    const entries = await store.read("");
    // A newer process has come between: it may be in the view, and must not be put out of it.
    if (!this.#lease.isLastIn(entries)) {
      this.lookSoon();
      return;
    }
    const view = await this.#amend(entries);
    if (view === undefined) {
      this.lookSoon(); // somebody else was faster
    } else if (view.epoch > (this.#view?.epoch ?? 0)) {
      this.#adopt(view);
    } else if (this.#peers.haveAdopted(view, entries)) {
      this.#options.onSettled();
    }
  }

  /** Puts the view right. @returns the one of now, or undefined when it was replaced by others */
  async #amend(entries: ReadonlyMap<string, StoreEntry>): Promise<View | undefined> {
    const entry = entries.get(VIEW_KEY);
    const stored = entry === undefined ? undefined : parseView(entry.value);
    const known = this.#view;
    // A store that has lost its data is given what this node knows.
    const isLost = stored === undefined || stored.epoch < (known?.epoch ?? 0);
    const { tables } = this.#options;
    const base = isLost ? (known ?? { epoch: 0, members: [], tables }) : stored;
    this.#checkTables(base.tables);
    const expelled = await this.#peers.expelSilent(base.members, entries);
    const members = this.#withThis(base.members.filter(({ id }) => !expelled.has(id)));
    if (!isLost && members === undefined && expelled.size === 0) return stored;
    const kept = base.members.filter(({ id }) => !expelled.has(id));
    const next = { ...base, members: members ?? kept, epoch: base.epoch + 1 };
    if (!(await this.#replace(next, entry?.version))) return undefined;
    for (const id of expelled) this.#options.logger.warn("a node was silent", { nodeId: id });
    await this.#peers.forget(expelled);
    return next;
  }

  /** @returns undefined when this node is among the members as it should be */
  #withThis(members: readonly Member[]): readonly Member[] | undefined {
    const { id, weight } = this.#options;
    const { run } = this.#lease;
    const draining = this.#isDraining;
    const found = members.find((member) => member.id === id);
    if (found?.run === run && found.draining === draining && found.weight === weight) {
      return undefined;
    }
    const others = members.filter((member) => member.id !== id);
    return [...others, { id, run, weight, draining }];
  }

  async #replace(view: View, expected: string | undefined): Promise<boolean> {
    const written = await this.#options.store.write(VIEW_KEY, JSON.stringify(view), expected);
    if (written === undefined) return false;
    this.#adopt(view);
    return true;
  }

  #adopt(view: View): void {
    const before = this.#view?.epoch ?? 0;
    if (view.epoch <= before) return;
    this.#view = view;
    this.#options.onView(view, view.epoch === before + 1);
    this.#options.tellOthers();
    // The next beat says that it is adopted.
    this.lookSoon();
  }

  #checkTables(held: Tables): void {
    for (const name of tableNames) {
      const [ours, theirs] = [this.#options.tables[name].kind, held[name].kind];
      if (ours === theirs) continue;
      throw new FleetError(
        "bad_shards",
        `shards.${name} is by ${ours} here, and by ${theirs} in the fleet: give all nodes the same`,
      );
    }
  }

  /** One line when it begins to fail, and one when it works again. */
  #report(error: unknown): void {
    const { logger } = this.#options;
    const isFailing = error !== undefined;
    if (isFailing === this.#isFailing) return;
    this.#isFailing = isFailing;
    if (isFailing) logger.warn("the fleet's store is away", { cause: describeError(error) });
    else logger.info("the fleet's store is back");
  }

  #reportUsurper(isUsurped: boolean): void {
    if (isUsurped === this.#isUsurped) return;
    this.#isUsurped = isUsurped;
    const { logger, id } = this.#options;
    if (isUsurped)
      logger.error("a newer process has this node's id: this one owns nothing", { id });
    else logger.info("this node's id is its own again", { id });
  }
}
