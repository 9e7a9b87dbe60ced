import type { Position } from "../broker/log.ts";
import type { LoggedMessage } from "./logged-message.ts";
import type { LogTail, TailSlice } from "./log-tail.ts";

const MAX_PAGE = 200;
const FIRST_PAGE = 50;
/** What a page may hold, by the sizes of the page before. */
const PAGE_BYTES = 1 << 20;

/** What was read ahead. */
interface Page {
  /** Right before its first message. */
  at: Position;
  messages: readonly LoggedMessage[];
  readonly next: Position;
}

/**
 * The log as one session reads it: from the node's tail of the channel, or, when it is further behind,
 * for itself, in pages that do not depend on how few messages the session can take at a time.
 */
export class LogReader {
  readonly #tail: LogTail;
  #page: Page | undefined;
  #pageSize = FIRST_PAGE;

  constructor(tail: LogTail) {
    this.#tail = tail;
  }

  /**
   * @param limit of messages, at least 1
   * @throws Error when the log can't be read
   */
  async read(from: Position, limit: number): Promise<TailSlice> {
    return this.#fromPage(from, limit) ?? this.#tail.peek(from, limit) ?? this.#turn(from, limit);
  }

  #fromPage(from: Position, limit: number): TailSlice | undefined {
    const page = this.#page;
    if (page === undefined) return undefined;
    const { at, next } = page;
    if (at.offset !== from.offset || at.epoch !== from.epoch) {
      this.#page = undefined;
      return undefined;
    }
    const messages = page.messages.slice(0, limit);
    const last = messages.at(-1);
    if (last === undefined || messages.length === page.messages.length) {
      this.#page = undefined;
      // It was the end when it was read; what has come since has been told while there was no room.
      return { messages, next, isEnd: false, gap: undefined };
    }
    page.messages = page.messages.slice(limit);
    page.at = last.position;
    return { messages, next: last.position, isEnd: false, gap: undefined };
  }

  async #turn(from: Position, limit: number): Promise<TailSlice> {
    const slice = await this.#tail.read(from, this.#pageSize);
    const { messages, gap, next } = slice;
    const bytes = messages.reduce((sum, { body }) => sum + body.length, 0);
    const fitting = Math.floor(PAGE_BYTES / (bytes / messages.length || 1));
    this.#pageSize = Math.max(1, Math.min(MAX_PAGE, fitting));
    const last = messages[limit - 1];
    if (last === undefined || messages.length <= limit) return slice;
    this.#page = { at: last.position, messages: messages.slice(limit), next };
    return { messages: messages.slice(0, limit), next: last.position, isEnd: false, gap };
  }
}
