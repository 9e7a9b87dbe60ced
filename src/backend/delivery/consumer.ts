import type { Clock, Timer } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Random } from "../../core/random.ts";
import type { LogGap, Position } from "../broker/log.ts";
import type { FleetStats } from "../fleet-stats.ts";
import type { Cursor } from "./cursor.ts";
import type { DeliverySettings } from "./delivery-options.ts";
import { InFlight, type Item } from "./in-flight.ts";
import type { LogTail } from "./log-tail.ts";
import type { LoggedMessage } from "./logged-message.ts";
import { Recent } from "./recent.ts";
import type { Delivery, DeliveryTarget } from "./target.ts";

/** Of entries that are read in one go. */
const PAGE = 200;
/** Settled messages behind one that is not: what the cursor has to remember. */
const MAX_WINDOW = 8;
const LONGEST_WAIT_MS = 600_000;
const FIRST_NACK_MS = 1_000;
const LONGEST_NACK_MS = 60_000;
/** Until a message is looked at again that can't be sent now. */
const LATER_MS = 500;
const RETRY_MS = 1_000;

export interface ConsumerOptions {
  readonly session: string;
  readonly tail: LogTail;
  readonly cursor: Cursor;
  readonly target: DeliveryTarget;
  readonly settings: Required<DeliverySettings>;
  /** The log may hold a message twice. */
  readonly mayRepeat: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly stats: FleetStats;
  /** Keeps a message elsewhere; undefined for a channel whose messages are never given up. */
  readonly bury: ((burial: Burial) => Promise<void>) | undefined;
}

/** A message that was delivered too often. */
export interface Burial {
  readonly message: LoggedMessage;
  readonly session: string;
  readonly deliveries: number;
  readonly reason: string;
}

/** What a consumer was opened with: where its session stands, and who acted for it before. */
export interface Opened {
  readonly position: Position;
  /** Undefined for a session that is new. */
  readonly before: string | undefined;
}

/** Delivers the log of one channel to one session, until each message is settled. */
export class Consumer {
  readonly #options: ConsumerOptions;
  #inFlight: InFlight | undefined;
  /** Behind the position where the session was: what was settled, and how often the rest was sent. */
  #doneBefore = new Set<string>();
  #sentBefore = new Map<string, number>();
  readonly #recent: Recent | undefined;
  readonly #wake = (): void => this.wake();
  #isPumping = false;
  #isNews = false;
  #nextDueMs = Infinity;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#recent = options.mayRepeat ? new Recent() : undefined;
  }

  /** Messages that were sent and not settled. */
  get waiting(): number {
    return this.#inFlight?.waiting ?? 0;
  }

  /** Takes the session over. Nothing is sent before `start`. @param begin where a new session begins */
  async open(begin: () => Promise<Position>): Promise<Opened> {
    const { cursor, tail } = this.#options;
    const { standing, before } = await cursor.open(begin);
    this.#inFlight = new InFlight(standing.position);
    this.#doneBefore = new Set(standing.done);
    this.#sentBefore = new Map(Object.entries(standing.deliveries));
    if (!this.#isClosed) tail.readers.add(this.#wake);
    return { position: standing.position, before };
  }

  /** There may be something to send. */
  wake(): void {
    this.#isNews = true;
    if (this.#isPumping || this.#isClosed || this.#inFlight === undefined) return;
    this.#isPumping = true;
    void this.#pump(this.#inFlight);
  }

  /** Once in a while: sends again what is due. */
  tick(nowMs: number): void {
    if (this.#inFlight === undefined || this.#isClosed) return;
    if (nowMs >= this.#nextDueMs) this.#sendDue(this.#inFlight, nowMs);
    if (this.#isNews) this.wake();
  }

  ack(offsets: readonly string[], epoch: string): void {
    const inFlight = this.#of(epoch);
    const settled = offsets.filter((offset) => inFlight?.settle(offset)).length;
    this.#settled(settled);
  }

  /** That one and all before it. */
  ackThrough(offset: string, epoch: string): void {
    this.#settled(this.#of(epoch)?.settleThrough(offset) ?? 0);
  }

  /** Asks for it again. @param delayMs a growing one when undefined */
  nack(
    offset: string,
    epoch: string,
    { delayMs, reason = "" }: { readonly delayMs?: number | undefined; readonly reason?: string },
  ): void {
    const item = this.#of(epoch)?.get(offset);
    if (item === undefined) return;
    const { clock, random, stats } = this.#options;
    stats.refusedByReceivers++;
    const growing = Math.min(LONGEST_NACK_MS, FIRST_NACK_MS * 2 ** (item.deliveries - 1));
    item.refusal = reason === "" ? "refused by its receiver" : reason;
    const waitMs = delayMs ?? growing * (0.5 + random.fraction() / 2);
    this.#due(item, clock.nowMs() + Math.min(LONGEST_WAIT_MS, waitMs));
  }

  /** Somebody else acts for the session now. */
  stop(): void {
    this.#isClosed = true;
    this.#options.tail.readers.delete(this.#wake);
    this.#retry?.cancel();
  }

  /**
   * What was settled is kept; the rest is sent to whoever acts for the session next.
   *
   * @param isLeaving the session gives its place up
   */
  async close(isLeaving = false): Promise<void> {
    if (this.#isClosed) return;
    this.stop();
    const { cursor } = this.#options;
    if (isLeaving) await cursor.forget();
    else await cursor.close(this.#inFlight && this.#standing(this.#inFlight));
  }

  async #pump(inFlight: InFlight): Promise<void> {
    try {
      while (this.#isNews && !this.#isClosed) {
        if (!this.#mayRead(inFlight)) break; // an acknowledgement, or the next tick, goes on
        this.#isNews = false;
        await this.#readPages(inFlight);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isPumping = false;
    }
  }

  async #readPages(inFlight: InFlight): Promise<void> {
    const { tail, target } = this.#options;
    while (!this.#isClosed) {
      const limit = Math.min(PAGE, target.maxInFlight - inFlight.waiting, target.room());
      const { messages, gap, next, isEnd } =
        tail.peek(inFlight.end, limit) ?? (await tail.read(inFlight.end, limit));
      if (this.#isClosed) return;
      if (gap !== undefined) this.#passGap(inFlight, gap);
      this.#take(inFlight, messages);
      inFlight.moveTo(next);
      if (isEnd) return;
      if (!this.#mayRead(inFlight)) {
        this.#isNews = true; // there may be more
        return;
      }
    }
  }

  #mayRead({ waiting, bytes, size }: InFlight): boolean {
    const { target } = this.#options;
    const { maxInFlight, maxBytes } = target;
    const isFull = waiting >= maxInFlight || bytes >= maxBytes || size >= maxInFlight * MAX_WINDOW;
    return !isFull && target.room() > 0;
  }

  #take(inFlight: InFlight, messages: readonly LoggedMessage[]): void {
    const { target, clock, stats } = this.#options;
    const nowMs = clock.nowMs();
    const batch: Delivery[] = [];
    for (const message of messages) {
      const { offset } = message.position;
      const isRepeated = this.#recent?.add(message.id) === false;
      if (isRepeated) stats.duplicates++;
      const isDone = this.#doneBefore.delete(offset) || isRepeated;
      const before = this.#sentBefore.get(offset) ?? 0;
      this.#sentBefore.delete(offset);
      const item = inFlight.add(message, { deliveries: before, isDone });
      if (isDone) continue;
      if (before > 0 && this.#buryIfOverdue(item)) continue;
      batch.push(this.#sent(item, nowMs));
    }
    if (batch.length > 0) target.send(batch);
  }

  #sent(item: Item, nowMs: number): Delivery {
    const { settings, stats } = this.#options;
    item.deliveries++;
    item.sentMs = nowMs;
    const waitMs = settings.ackTimeoutMs * 2 ** (item.deliveries - 1);
    this.#due(item, nowMs + Math.min(LONGEST_WAIT_MS, waitMs));
    if (item.deliveries > 1) stats.redelivered++;
    return { message: item.message, deliveries: item.deliveries };
  }

  #sendDue(inFlight: InFlight, nowMs: number): void {
    const { target } = this.#options;
    for (const item of inFlight.due(nowMs)) {
      const isAsked = item.refusal !== "" || target.mayRepeat(item.message, item.sentMs);
      if (isAsked && this.#buryIfOverdue(item)) continue;
      if (isAsked && target.room() > 0) {
        item.refusal = "";
        target.send([this.#sent(item, nowMs)]);
      } else {
        item.dueMs = nowMs + LATER_MS;
      }
    }
    this.#nextDueMs = inFlight.nextDueMs;
  }

  /** @returns whether it is a matter of the dead letters now */
  #buryIfOverdue(item: Item): boolean {
    const { bury, settings, session, clock, stats, logger } = this.#options;
    const { message, deliveries, refusal } = item;
    if (bury === undefined || deliveries < settings.maxDeliveries) return false;
    item.dueMs = Infinity;
    const reason = refusal === "" ? "not acknowledged in time" : refusal;
    bury({ message, session, deliveries, reason }).then(
      () => {
        stats.deadLetters++;
        this.ack([message.position.offset], message.position.epoch);
      },
      (error: unknown) => {
        logger.warn("a dead letter is not stored yet", { cause: describeError(error) });
        this.#due(item, clock.nowMs() + RETRY_MS);
      },
    );
    return true;
  }

  #due(item: Item, dueMs: number): void {
    item.dueMs = dueMs;
    this.#nextDueMs = Math.min(this.#nextDueMs, dueMs);
  }

  #settled(count: number): void {
    if (count === 0 || this.#inFlight === undefined) return;
    const inFlight = this.#inFlight;
    this.#options.stats.acknowledged += count;
    this.#options.cursor.changed(() => this.#standing(inFlight));
    if (this.#isNews) this.wake();
  }

  #standing(inFlight: InFlight): InFlight["standing"] {
    const { position, done, deliveries } = inFlight.standing;
    // What the session did before, and this connection has not come to.
    return {
      position,
      done: [...done, ...this.#doneBefore],
      deliveries: { ...deliveries, ...Object.fromEntries(this.#sentBefore) },
    };
  }

  #passGap(inFlight: InFlight, gap: LogGap): void {
    const { target, stats, logger, session } = this.#options;
    stats.logGaps++;
    logger.warn("a session has missed messages", { session, reason: gap.reason });
    // Of another log, nothing that was sent can be settled.
    if (gap.reason === "epoch") inFlight.clear();
    this.#doneBefore.clear();
    this.#sentBefore.clear();
    inFlight.moveTo(gap.resumes);
    this.#options.cursor.changed(() => this.#standing(inFlight));
    target.gap(gap);
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    const { clock, logger } = this.#options;
    logger.warn("a session's messages can't be read", { cause: describeError(error) });
    this.#isNews = true;
    this.#retry?.cancel();
    this.#retry = clock.after(RETRY_MS, () => this.wake());
  }

  #of(epoch: string): InFlight | undefined {
    return this.#inFlight?.end.epoch === epoch ? this.#inFlight : undefined;
  }
}
