import type { Position } from "../broker/log.ts";
import type { LoggedMessage } from "./logged-message.ts";

export interface Item {
  readonly message: LoggedMessage;
  /** The position right before it. */
  readonly before: Position;
  deliveries: number;
  /** When it was sent for the last time, by the node's clock. */
  sentMs: number;
  /** When it is sent again. */
  dueMs: number;
  /** Why it was refused the last time; empty when it was not. */
  refusal: string;
  isDone: boolean;
}

/** Where a session stands, as it is kept. */
export interface Standing {
  /** Everything up to here is done. */
  readonly position: Position;
  /** Offsets behind it that are done as well. */
  readonly done: readonly string[];
  /** How often the others behind it have been delivered, by offset. */
  readonly deliveries: Readonly<Record<string, number>>;
}

/** The messages of one session on one channel from the first that is not done, in log order. */
export class InFlight {
  /** By offset. */
  readonly #items = new Map<string, Item>();
  #end: Position;
  #waiting = 0;
  #bytes = 0;

  /** @param end where the session reads on */
  constructor(end: Position) {
    this.#end = end;
  }

  /** Where to read on. */
  get end(): Position {
    return this.#end;
  }

  /** Items that are not done. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Of the bodies of those. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Items from the first that is not done, those that are among them. */
  get size(): number {
    return this.#items.size;
  }

  get standing(): Standing {
    const done: string[] = [];
    const deliveries: Record<string, number> = {};
    let position = this.#end;
    for (const [offset, item] of this.#items) {
      if (position === this.#end) position = item.before;
      if (item.isDone) done.push(offset);
      else deliveries[offset] = item.deliveries;
    }
    return { position, done, deliveries };
  }

  get(offset: string): Item | undefined {
    const item = this.#items.get(offset);
    return item?.isDone === true ? undefined : item;
  }

  /** Those that are due. */
  *due(nowMs: number): Generator<Item> {
    for (const item of this.#items.values()) if (!item.isDone && item.dueMs <= nowMs) yield item;
  }

  /** When the next one is due; Infinity when none is waiting. */
  get nextDueMs(): number {
    let nextMs = Infinity;
    for (const { isDone, dueMs } of this.#items.values()) {
      if (!isDone && dueMs < nextMs) nextMs = dueMs;
    }
    return nextMs;
  }

  /** The next entry of the log. */
  add(message: LoggedMessage, { deliveries, isDone }: Pick<Item, "deliveries" | "isDone">): Item {
    const item: Item = {
      message,
      before: this.#end,
      deliveries,
      sentMs: 0,
      dueMs: Infinity,
      refusal: "",
      isDone,
    };
    this.#items.set(message.position.offset, item);
    this.#end = message.position;
    if (!isDone) {
      this.#waiting++;
      this.#bytes += message.body.length;
    }
    this.#popDone();
    return item;
  }

  /** Reads on from somewhere else: entries in between are not there, or are none of the channel. */
  moveTo(position: Position): void {
    this.#end = position;
  }

  /** @returns false when it was done before, or is not here */
  settle(offset: string): boolean {
    const item = this.get(offset);
    if (item === undefined) return false;
    this.#finish(item);
    this.#popDone();
    return true;
  }

  /** This one and all before it. @returns how many that were */
  settleThrough(offset: string): number {
    if (!this.#items.has(offset)) return 0;
    let count = 0;
    for (const [each, item] of this.#items) {
      if (!item.isDone) {
        this.#finish(item);
        count++;
      }
      if (each === offset) break;
    }
    this.#popDone();
    return count;
  }

  /** The log that they were in is not there any more. @returns how many are given up */
  clear(): number {
    const count = this.#waiting;
    this.#items.clear();
    this.#waiting = 0;
    this.#bytes = 0;
    return count;
  }

  #finish(item: Item): void {
    item.isDone = true;
    this.#waiting--;
    this.#bytes -= item.message.body.length;
  }

  #popDone(): void {
    for (const [offset, { isDone }] of this.#items) {
      if (!isDone) return;
      this.#items.delete(offset);
    }
  }
}
