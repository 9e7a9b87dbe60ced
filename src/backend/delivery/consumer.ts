import type { Timer } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { LogGap, Position } from "../broker/log.ts";
import type { Cursor } from "./cursor.ts";
import { InFlight, type Standing } from "./in-flight.ts";
import { LogReader } from "./log-reader.ts";
import type { LogTail } from "./log-tail.ts";
import type { LoggedMessage } from "./logged-message.ts";
import { Outstanding, type NackRequest, type OutstandingOptions } from "./outstanding.ts";
import { Recent } from "./recent.ts";

/** Settled messages behind one that is not, in times of what may be in flight: a cursor's size. */
const MAX_WINDOW = 8;
const RETRY_MS = 1_000;

export interface ConsumerOptions extends OutstandingOptions {
  readonly tail: LogTail;
  readonly cursor: Cursor;
  /** The log may hold a message twice. */
  readonly mayRepeat: boolean;
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
  readonly #reader: LogReader;
  #outstanding: Outstanding | undefined;
  /** Behind the position where the session was: what was settled, and how often the rest was sent. */
  #doneBefore = new Set<string>();
  #sentBefore = new Map<string, number>();
  readonly #recent: Recent | undefined;
  readonly #wake = (): void => this.wake();
  #isPumping = false;
  /** There may be something that was not read. */
  #isNews = false;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    this.#reader = new LogReader(options.tail);
    this.#recent = options.mayRepeat ? new Recent() : undefined;
  }

  /** Messages that were sent and not settled. */
  get waiting(): number {
    return this.#outstanding?.inFlight.waiting ?? 0;
  }

  /**
   * Takes the session over. Nothing is sent before `wake`.
   *
   * @param begin where a new session begins
   * @throws Error when its place can't be read or written
   */
  async open(begin: () => Promise<Position>): Promise<Opened> {
    const { standing, before } = await this.#options.cursor.open(begin);
    const { position, done, deliveries } = standing;
    this.#outstanding = new Outstanding(new InFlight(position), this.#options, () => {
      this.#keepPlace();
      if (this.#isNews) this.wake();
    });
    this.#doneBefore = new Set(done);
    this.#sentBefore = new Map(Object.entries(deliveries));
    return { position, before };
  }

  /** There may be something to send. From the first time on, the end of the log is listened to. */
  wake(): void {
    this.#isNews = true;
    if (this.#isPumping || this.#isClosed || this.#outstanding === undefined) return;
    this.#options.tail.readers.add(this.#wake);
    this.#isPumping = true;
    void this.#pump(this.#outstanding);
  }

  /** Once in a while: sends again what is due, and goes on where there was no room. */
  tick(nowMs: number): void {
    if (this.#isClosed) return;
    this.#outstanding?.tick(nowMs);
    if (this.#isNews) this.wake();
  }

  ack(offsets: readonly string[], epoch: string): void {
    if (!this.#isClosed) this.#outstanding?.ack(offsets, epoch);
  }

  /** That one and all before it. */
  ackThrough(offset: string, epoch: string): void {
    if (!this.#isClosed) this.#outstanding?.ackThrough(offset, epoch);
  }

  /** Asks for it again. */
  nack(request: NackRequest): void {
    if (!this.#isClosed) this.#outstanding?.nack(request);
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
    else await cursor.close(this.#outstanding && this.#standing(this.#outstanding));
  }

  async #pump(outstanding: Outstanding): Promise<void> {
    try {
      // Where it may not read, an acknowledgement or the next tick goes on.
      while (this.#isNews && !this.#isClosed && this.#mayRead(outstanding)) {
        this.#isNews = false;
        await this.#readOn(outstanding);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isPumping = false;
    }
  }

  async #readOn(outstanding: Outstanding): Promise<void> {
    const { target } = this.#options;
    const { inFlight } = outstanding;
    while (!this.#isClosed) {
      const limit = Math.min(target.maxInFlight - inFlight.waiting, target.room());
      const { messages, gap, next, isEnd } = await this.#reader.read(inFlight.end, limit);
      if (this.#isClosed) return;
      if (gap !== undefined) this.#passGap(outstanding, gap);
      this.#take(outstanding, messages);
      inFlight.moveTo(next);
      if (isEnd) return;
      if (!this.#mayRead(outstanding)) {
        this.#isNews = true;
        return;
      }
    }
  }

  #mayRead({ inFlight: { waiting, bytes, size } }: Outstanding): boolean {
    const { target } = this.#options;
    const { maxInFlight, maxBytes } = target;
    const isFull = waiting >= maxInFlight || bytes >= maxBytes || size >= maxInFlight * MAX_WINDOW;
    return !isFull && target.room() > 0;
  }

  #take(outstanding: Outstanding, messages: readonly LoggedMessage[]): void {
    const { target, stats } = this.#options;
    const batch = messages.flatMap((message) => {
      const { offset } = message.position;
      const isRepeated = this.#recent?.add(message.id) === false;
      if (isRepeated) stats.duplicates++;
      const isDone = this.#doneBefore.delete(offset) || isRepeated;
      const deliveries = this.#sentBefore.get(offset) ?? 0;
      this.#sentBefore.delete(offset);
      const item = outstanding.inFlight.add(message, { deliveries, isDone });
      return (isDone ? undefined : outstanding.dispatch(item)) ?? [];
    });
    if (batch.length > 0) target.send(batch);
  }

  #passGap({ inFlight }: Outstanding, gap: LogGap): void {
    const { target, stats, logger, session } = this.#options;
    stats.logGaps++;
    logger.warn("a session has missed messages", { session, reason: gap.reason });
    // Of another log, nothing that was sent can be settled.
    if (gap.reason === "epoch") inFlight.clear();
    this.#doneBefore.clear();
    this.#sentBefore.clear();
    inFlight.moveTo(gap.resumes);
    this.#keepPlace();
    target.gap(gap);
  }

  #keepPlace(): void {
    const outstanding = this.#outstanding;
    if (outstanding === undefined) return;
    this.#options.cursor.changed(() => this.#standing(outstanding));
  }

  #standing({ inFlight }: Outstanding): Standing {
    const { position, done, deliveries } = inFlight.standing;
    // What the session did before, and this connection has not come to.
    return {
      position,
      done: [...done, ...this.#doneBefore],
      deliveries: { ...deliveries, ...Object.fromEntries(this.#sentBefore) },
    };
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    const { clock, logger } = this.#options;
    logger.warn("a session's messages can't be read", { cause: describeError(error) });
    this.#isNews = true;
    this.#retry?.cancel();
    this.#retry = clock.after(RETRY_MS, () => this.wake());
  }
}
