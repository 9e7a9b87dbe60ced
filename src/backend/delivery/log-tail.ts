import type { Clock, Timer } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Random } from "../../core/random.ts";
import type { Log, LogEntry, LogGap, Position } from "../broker/log.ts";
import type { FleetStats } from "../fleet-stats.ts";
import { decodeStored, type LoggedMessage } from "./logged-message.ts";

/** What is kept of a channel's latest messages, for all sessions of this node. */
const MAX_KEPT = 512;
const MAX_KEPT_BYTES = 1 << 20;
const READ_ENTRIES = 200;
/** A publisher tells of what it has appended; if it dies in between, this finds it. */
const LOOK_MS = 10_000;

export interface TailSlice {
  readonly messages: readonly LoggedMessage[];
  readonly next: Position;
  readonly gap: LogGap | undefined;
  /** There was nothing behind it. */
  readonly isEnd: boolean;
}

export interface LogTailOptions {
  readonly log: Log;
  readonly channel: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly stats: FleetStats;
}

/**
 * The end of a channel's log, read once for all sessions of this node. Who is further behind reads
 * for itself until it has caught up.
 */
export class LogTail {
  /** Called when there may be something to read. */
  readonly readers: Set<() => void> = new Set();
  readonly #options: LogTailOptions;
  readonly #kept: LoggedMessage[] = [];
  /** The number of the first that is kept; they are counted from 0. */
  #first = 0;
  #bytes = 0;
  /** The number of the message behind a position. */
  readonly #behind = new Map<string, number>();
  /** The same in order, to forget them. */
  readonly #places: { readonly key: string; readonly number: number }[] = [];
  #end: Position | undefined;
  #isReading = false;
  #isNews = false;
  #isAway = false;
  #isClosed = false;
  readonly #look: Timer;

  constructor(options: LogTailOptions) {
    this.#options = options;
    const { clock, random } = options;
    // Nodes and channels do not look in step.
    this.#look = clock.every(LOOK_MS * (0.75 + random.fraction() / 2), () => this.news());
  }

  close(): void {
    this.#isClosed = true;
    this.#look.cancel();
    this.readers.clear();
  }

  /** Something may have been appended. */
  news(): void {
    this.#isNews = true;
    if (!this.#isReading) void this.#readOn();
  }

  /** @returns undefined for a position that is not among the latest */
  peek(position: Position, limit: number): TailSlice | undefined {
    const number = this.#behind.get(keyOf(position));
    if (number === undefined) return undefined;
    const at = number - this.#first;
    const messages = this.#kept.slice(at, at + limit);
    const isAll = at + messages.length === this.#kept.length;
    const next = (isAll ? this.#end : undefined) ?? messages.at(-1)?.position ?? position;
    return { messages, next, gap: undefined, isEnd: isAll };
  }

  /** Reads for a session that is behind. */
  async read(position: Position, limit: number): Promise<TailSlice> {
    const { log, channel } = this.#options;
    const { entries, gap, next } = await log.read(channel, position, limit);
    const isEnd = entries.length < limit;
    return { messages: this.#messagesOf(entries), gap, next, isEnd };
  }

  async #readOn(): Promise<void> {
    const { log, channel, logger } = this.#options;
    this.#isReading = true;
    try {
      this.#end ??= await this.#begin();
      while (this.#isNews && !this.#isClosed) {
        this.#isNews = false;
        const slice = await log.read(channel, this.#end, READ_ENTRIES);
        if (slice.entries.length === READ_ENTRIES) this.#isNews = true;
        if (slice.gap !== undefined) this.#forgetAll();
        else this.#note(this.#end);
        for (const message of this.#messagesOf(slice.entries)) this.#keep(message);
        this.#end = slice.next;
        this.#note(slice.next);
        if (slice.entries.length > 0 || slice.gap !== undefined) this.#wake();
      }
      if (this.#isAway) logger.info("a log can be read again", { channel });
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway)
        logger.warn("a log can't be read", { channel, cause: describeError(error) });
      this.#isAway = true; // it looks again
    } finally {
      this.#isReading = false;
    }
  }

  async #begin(): Promise<Position> {
    const { log, channel } = this.#options;
    const end = await log.end(channel);
    // What was appended before is behind nobody's back: sessions have been told of no news yet.
    this.#wake();
    return end;
  }

  #wake(): void {
    for (const wake of [...this.readers]) wake();
  }

  #messagesOf(entries: readonly LogEntry[]): LoggedMessage[] {
    const { channel, stats } = this.#options;
    return entries.flatMap(({ position, payload }) => {
      const stored = decodeStored(payload);
      if (stored === undefined) {
        stats.malformed++;
        return [];
      }
      return [{ ...stored, channel, position, frame: undefined }];
    });
  }

  #keep(message: LoggedMessage): void {
    this.#kept.push(message);
    this.#bytes += message.body.length;
    this.#note(message.position);
    while (this.#kept.length > MAX_KEPT || this.#bytes > MAX_KEPT_BYTES) {
      this.#bytes -= this.#kept.shift()?.body.length ?? 0;
      this.#first++;
    }
    let forgotten = 0;
    for (const { key, number } of this.#places) {
      if (number >= this.#first) break;
      forgotten++;
      if (this.#behind.get(key) === number) this.#behind.delete(key);
    }
    this.#places.splice(0, forgotten);
  }

  /** What comes next stands behind this position. */
  #note(position: Position): void {
    const [key, number] = [keyOf(position), this.#first + this.#kept.length];
    if (this.#behind.has(key)) return;
    this.#behind.set(key, number);
    this.#places.push({ key, number });
  }

  #forgetAll(): void {
    this.#first += this.#kept.length;
    this.#kept.length = 0;
    this.#bytes = 0;
    this.#behind.clear();
    this.#places.length = 0;
  }
}

function keyOf({ epoch, offset }: Position): string {
  return `${epoch} ${offset}`;
}
