import type { Clock, Timer } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Random } from "../core/random.ts";
import type { Bus, BusMessage } from "./broker/bus.ts";
import { FleetError } from "./fleet-error.ts";

const MAX_BATCH_MESSAGES = 1_024;
const MAX_BATCH_BYTES = 1 << 20;
/** With more on its way than this share of what may be, a publisher waits for its message to leave. */
const EASY_SHARE = 0.5;
const SHORTEST_RETRY_MS = 25;
const LONGEST_RETRY_MS = 500;

export interface OutboxOptions {
  readonly bus: Bus;
  /** Of messages that the broker has not taken yet; at least 1. */
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly random: Random;
  /** The broker has stopped taking messages, or takes them again. */
  readonly onChange: (isAway: boolean, cause: string) => void;
}

interface Waiting {
  readonly message: BusMessage;
  readonly sent: (() => void) | undefined;
}

/**
 * Messages on their way to the broker, in order. One batch is under way at a time and takes all that
 * came while the last one was; one that fails is sent again, and again, until it succeeds: receivers
 * drop what they have twice.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #queue: Waiting[] = [];
  #bytes = 0;
  #failures = 0;
  #isSending = false;
  #retry: Timer | undefined;
  readonly #whenEmpty: (() => void)[] = [];
  #isClosed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get messages(): number {
    return this.#queue.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isAway(): boolean {
    return this.#failures > 0;
  }

  /**
   * @returns a promise when the publisher should slow down: it resolves when the message has left
   * @throws FleetError `queue_full`
   */
  push(message: BusMessage): Promise<void> | undefined {
    const { maxMessages, maxBytes } = this.#options;
    const size = message.payload.length;
    if (this.#queue.length >= maxMessages || (this.#bytes + size > maxBytes && this.#bytes > 0)) {
      throw new FleetError(
        "queue_full",
        `${this.#queue.length} messages (${this.#bytes} bytes) wait for the broker, and no more may: await publish, or try again later`,
      );
    }
    this.#bytes += size;
    const isEasy =
      this.#queue.length < maxMessages * EASY_SHARE && this.#bytes < maxBytes * EASY_SHARE;
    const mustWait = !this.isAway && !isEasy;
    let left: Promise<void> | undefined;
    if (mustWait) {
      left = new Promise((sent) => this.#queue.push({ message, sent }));
    } else {
      this.#queue.push({ message, sent: undefined });
    }
    this.#sendSoon();
    return left;
  }

  /** Resolves when nothing waits any more. */
  emptied(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** @returns how many messages are given up */
  close(): number {
    this.#isClosed = true;
    this.#retry?.cancel();
    const lost = this.#queue;
    this.#queue = [];
    this.#bytes = 0;
    for (const { sent } of lost) sent?.();
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
    return lost.length;
  }

  #sendSoon(): void {
    if (this.#isSending || this.#isClosed) return;
    this.#isSending = true;
    this.#options.clock.soon(() => void this.#send());
  }

  async #send(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#options.bus.publish(batch.map(({ message }) => message));
      } catch (error) {
        this.#failed(describeError(error));
        return;
      }
      if (this.#isClosed) return;
      this.#sent(batch);
    }
    this.#isSending = false;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #nextBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { message } of this.#queue) {
      bytes += message.payload.length;
      if (count > 0 && (count >= MAX_BATCH_MESSAGES || bytes > MAX_BATCH_BYTES)) break;
      count++;
    }
    return this.#queue.slice(0, count);
  }

  #sent(batch: readonly Waiting[]): void {
    this.#queue.splice(0, batch.length);
    for (const { message, sent } of batch) {
      this.#bytes -= message.payload.length;
      sent?.();
    }
    if (this.#failures > 0) {
      this.#failures = 0;
      this.#options.onChange(false, "");
    }
  }

  #failed(cause: string): void {
    if (this.#isClosed) return;
    const { clock, random, onChange } = this.#options;
    this.#failures++;
    if (this.#failures === 1) {
      // Publishers wait for a broker that is slow, not for one that is away.
      this.#queue = this.#queue.map(({ message, sent }) => {
        sent?.();
        return { message, sent: undefined };
      });
      onChange(true, cause);
    }
    const step = Math.min(LONGEST_RETRY_MS, SHORTEST_RETRY_MS * 2 ** Math.min(this.#failures, 10));
    // Nodes that lost the same broker do not come back in step.
    this.#retry = clock.after(step / 2 + (step / 2) * random.fraction(), () => void this.#send());
  }
}
