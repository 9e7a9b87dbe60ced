import { Message } from "./message.ts";
import type { MessageFields } from "./node-message.ts";
import { RecentIds } from "./recent-ids.ts";
import type { NackOptions, Settlements } from "./settlements.ts";
import type { Place } from "./types.ts";

/** Messages of one channel that are not settled; more are not taken. */
const MAX_OPEN = 1_000;
/** Of them, those that were sent at most once and that nobody has listened to yet. */
const MAX_UNHEARD = 100;

type Handler = (message: Message) => unknown;

export interface InboxSettings {
  readonly channel: string;
  readonly settlements: Settlements;
  /** Those that listen now. */
  readonly handlers: () => readonly Handler[];
  /** A handler has thrown, or its promise was rejected. */
  readonly onFailure: (cause: unknown) => void;
  /** Messages that were sent at most once were dropped. */
  readonly onOverflow: () => void;
}

interface Held {
  readonly message: Message;
  /** Of its latest copy: a node settles what it has sent itself. */
  place: Place | undefined;
}

/**
 * Hands the messages of one channel to its handlers, one after the other: while the promise of a
 * handler is not settled the next message waits, or else the order in which they were published would
 * end at the first `await`. Each message is handed over once, however often it comes.
 */
export class Inbox {
  /** Whether a handler's return settles a message, or only `message.ack()` and `nack()`. */
  isManual = false;
  readonly #settings: InboxSettings;
  /** Not settled, by id. */
  readonly #open = new Map<string, Held>();
  /** Of those, not handed over yet. */
  #waiting: Held[] = [];
  readonly #settled = new RecentIds();
  #isBusy = false;
  #hasOverflown = false;

  constructor(settings: InboxSettings) {
    this.#settings = settings;
  }

  take(fields: MessageFields): void {
    const { id, place } = fields;
    const held = this.#open.get(id);
    if (held !== undefined) {
      held.place = place ?? held.place;
    } else if (this.#settled.has(id)) {
      if (place !== undefined) this.#settings.settlements.ack(this.#settings.channel, place);
    } else if (this.#makeRoom(place !== undefined)) {
      this.#hold(fields);
      this.handOver();
    }
  }

  /** As far as there are handlers, and none is busy. */
  handOver(): void {
    while (!this.#isBusy && this.#waiting.length > 0) {
      const handlers = this.#settings.handlers();
      const held = this.#waiting[0];
      if (handlers.length === 0 || held === undefined) return;
      this.#waiting.shift();
      this.#isBusy = true;
      const pending = this.#call(handlers, held.message);
      // Without a promise it goes on in the same turn.
      if (pending === undefined) this.#isBusy = false;
      else void pending.then(() => this.#resume());
    }
    this.#hasOverflown &&= this.#waiting.length > 0;
  }

  /** The client has left the channel: nothing of it can be settled any more. */
  clear(): void {
    this.#open.clear();
    this.#waiting = [];
  }

  #resume(): void {
    this.#isBusy = false;
    this.handOver();
  }

  /** @returns a promise when a handler has returned one; it is not rejected */
  #call(handlers: readonly Handler[], message: Message): Promise<void> | undefined {
    const failures: unknown[] = [];
    const pending: Promise<unknown>[] = [];
    for (const handle of handlers) {
      try {
        const returned = handle(message);
        if (isThenable(returned)) {
          pending.push(Promise.resolve(returned).catch((error: unknown) => failures.push(error)));
        }
      } catch (error) {
        failures.push(error);
      }
    }
    if (pending.length > 0) return Promise.all(pending).then(() => this.#end(message, failures));
    this.#end(message, failures);
    return undefined;
  }

  #end(message: Message, failures: readonly unknown[]): void {
    if (this.isManual && message.offset !== undefined) {
      // Whoever settles by hand does so for failures, too.
    } else if (failures.length > 0) message.nack({ reason: String(failures[0]) });
    else message.ack();
    for (const failure of failures) this.#settings.onFailure(failure);
  }

  #hold(fields: MessageFields): void {
    const held: Held = {
      message: new Message(fields, {
        ack: () => this.#settle(held),
        nack: (options) => this.#settle(held, options),
      }),
      place: fields.place,
    };
    this.#open.set(fields.id, held);
    this.#waiting.push(held);
  }

  /** @param nack asks for it again */
  #settle(held: Held, nack?: NackOptions): void {
    const { message, place } = held;
    // Settled, left behind, or there is a later delivery of it already.
    if (this.#open.get(message.id) !== held) return;
    this.#open.delete(message.id);
    // What was sent at most once does not come again.
    if (nack === undefined || place === undefined) this.#settled.add(message.id);
    if (place === undefined) return;
    const { channel, settlements } = this.#settings;
    if (nack === undefined) settlements.ack(channel, place);
    else settlements.nack(channel, place, nack);
  }

  /** @param isKept whether the node sends it again, if there is none */
  #makeRoom(isKept: boolean): boolean {
    const isUnheard = this.#settings.handlers().length === 0;
    if (!isKept && isUnheard && this.#waiting.length >= MAX_UNHEARD) this.#dropUnheard();
    if (this.#open.size < MAX_OPEN) return true;
    if (!isKept && !this.#hasOverflown) {
      this.#hasOverflown = true;
      this.#settings.onOverflow();
    }
    return false;
  }

  /** The oldest that would not come again. Nobody is told: nobody has listened. */
  #dropUnheard(): void {
    const at = this.#waiting.findIndex(({ place }) => place === undefined);
    for (const { message } of this.#waiting.splice(at, at === -1 ? 0 : 1)) message.ack();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}
