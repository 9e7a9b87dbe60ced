import { RingwayClientError } from "./client-error.ts";
import type { Requests, Outcome } from "./requests.ts";
import type { Retry } from "./retry.ts";

/** Of the 1,000 unanswered requests of the protocol, so many may be publishes. */
const MAX_UNDERWAY = 500;

export interface OutboxLimits {
  /** Messages that are not confirmed. */
  readonly messages: number;
  /** Of their JSON, in UTF-8. */
  readonly bytes: number;
}

export interface Outgoing {
  /** The request, without `n`. */
  readonly json: string;
  readonly channel: string;
  /** Whether it is sent until it is confirmed, or at most once. */
  readonly isKept: boolean;
  readonly signal: AbortSignal | undefined;
}

interface Entry extends Outgoing {
  readonly serial: number;
  readonly bytes: number;
  hasBeenSent: boolean;
  settle(error: RingwayClientError | undefined): void;
}

/**
 * What is published, each message until the node has confirmed it. It is sent in order; only a
 * message that the node refuses for now comes behind those that were under way already.
 */
export class Outbox {
  readonly #requests: Requests;
  readonly #retry: Retry;
  readonly #limits: OutboxLimits;
  /** In order; `underway` was sent before them. */
  readonly #waiting: Entry[] = [];
  readonly #underway = new Set<Entry>();
  #isOpen = false;
  #bytes = 0;
  #serial = 0;

  constructor(requests: Requests, retry: Retry, limits: OutboxLimits) {
    this.#requests = requests;
    this.#retry = retry;
    this.#limits = limits;
  }

  /**
   * Resolves when the message is confirmed.
   *
   * @throws RingwayClientError `queue_full`, `unconfirmed`, `aborted`, `closed`, and those of the node
   */
  add(outgoing: Outgoing): Promise<void> {
    return new Promise((resolve, reject) => {
      const { channel, signal } = outgoing;
      const bytes = new TextEncoder().encode(outgoing.json).length;
      const count = this.#waiting.length + this.#underway.size;
      if (count >= this.#limits.messages || this.#bytes + bytes > this.#limits.bytes) {
        const reason = `${count} messages of ${this.#bytes} bytes wait already`;
        throw new RingwayClientError("queue_full", reason, { channel, retryable: true });
      }
      const abort = (): void => this.#finish(entry, aborted(signal, channel));
      const entry: Entry = {
        ...outgoing,
        serial: this.#serial++,
        bytes,
        hasBeenSent: false,
        settle(error) {
          signal?.removeEventListener("abort", abort);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      if (signal?.aborted === true) throw aborted(signal, channel);
      signal?.addEventListener("abort", abort);
      this.#bytes += bytes;
      this.#waiting.push(entry);
      this.#flush();
    });
  }

  open(): void {
    this.#isOpen = true;
    this.#flush();
  }

  lose(): void {
    this.#isOpen = false;
    this.#retry.cancel();
  }

  close(error: RingwayClientError): void {
    this.lose();
    for (const entry of [...this.#underway, ...this.#waiting]) this.#finish(entry, error);
  }

  #flush(): void {
    while (this.#isOpen && !this.#retry.isWaiting && this.#underway.size < MAX_UNDERWAY) {
      const entry = this.#waiting.shift();
      if (entry === undefined) return;
      this.#underway.add(entry);
      const json = entry.hasBeenSent ? `{"again":true,${entry.json.slice(1)}` : entry.json;
      entry.hasBeenSent = true;
      const done = (outcome: Outcome): void => this.#answered(entry, outcome);
      this.#requests.ask({ channel: entry.channel, json, done });
    }
  }

  #answered(entry: Entry, outcome: Outcome): void {
    if (!this.#underway.has(entry)) return; // aborted meanwhile
    if (outcome === "lost") {
      if (entry.isKept) this.#putBack(entry);
      else this.#finish(entry, unconfirmed(entry));
    } else if (!(outcome instanceof RingwayClientError)) {
      this.#retry.reset();
      this.#finish(entry, undefined);
    } else if (entry.isKept && outcome.retryable) {
      this.#putBack(entry);
      if (!this.#retry.isWaiting) this.#retry.schedule(() => this.#flush());
    } else {
      this.#finish(entry, outcome);
    }
    this.#flush();
  }

  /** To its old place. */
  #putBack(entry: Entry): void {
    this.#underway.delete(entry);
    const at = this.#waiting.findIndex(({ serial }) => serial > entry.serial);
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, entry);
  }

  #finish(entry: Entry, error: RingwayClientError | undefined): void {
    if (!this.#underway.delete(entry)) {
      const at = this.#waiting.indexOf(entry);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
    }
    this.#bytes -= entry.bytes;
    entry.settle(error);
  }
}

function aborted(signal: AbortSignal | undefined, channel: string): RingwayClientError {
  const cause: unknown = signal?.reason;
  return new RingwayClientError("aborted", "given up; it may have been published", {
    cause,
    channel,
  });
}

function unconfirmed({ channel }: Entry): RingwayClientError {
  const reason = "the connection ended before it was confirmed: it may have been published";
  return new RingwayClientError("unconfirmed", reason, { channel });
}
