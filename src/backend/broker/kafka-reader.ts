import type { Admin, Consumer, KafkaMessage, Producer } from "kafkajs";
import type { Clock, Timer } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { KeyedPartitions } from "./kafka-partitions.ts";

const AGAIN_MS = 500;

export interface KafkaTopic {
  readonly name: string;
  readonly partitions: KeyedPartitions;
  readonly admin: Admin;
  readonly producer: Producer;
  /** A new consumer, in a group of its own: it gets all partitions. */
  readonly consumer: (purpose: string) => Consumer;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface KafkaReaderOptions {
  readonly topic: KafkaTopic;
  readonly purpose: string;
  /** In order, for each partition. */
  readonly onMessages: (partition: number, messages: readonly KafkaMessage[]) => void;
  /** It reads, or does not any more. */
  readonly onChange: (isReading: boolean, cause: string) => void;
  /** Partitions that are not read until they are asked for. */
  readonly isPaused: boolean;
}

/**
 * Reads a topic from where it is told to. kafkajs knows no reader without a group, so it joins one of
 * its own; whenever that gives it the partitions again, it goes on where it was.
 */
export class KafkaReader implements AsyncDisposable {
  readonly #options: KafkaReaderOptions;
  /** The next offset of each partition. */
  readonly #next: bigint[] = [];
  #consumer: Consumer | undefined;
  #again: Timer | undefined;
  #joined: (() => void) | undefined;
  #isClosed = false;

  constructor(options: KafkaReaderOptions) {
    this.#options = options;
  }

  /** Resolves when it reads all that comes after the call. */
  async start(): Promise<void> {
    const { admin, name } = this.#options.topic;
    for (const { partition, high } of await admin.fetchTopicOffsets(name)) {
      this.#next[partition] = BigInt(high);
    }
    const joined = new Promise<void>((resolve) => (this.#joined = resolve));
    await this.#run();
    await joined;
  }

  /** Reads a partition from an offset on. */
  seek(partition: number, offset: bigint): void {
    const { name: topic } = this.#options.topic;
    this.#next[partition] = offset;
    this.#consumer?.seek({ topic, partition, offset: String(offset) });
    this.#consumer?.resume([{ topic, partitions: [partition] }]);
  }

  pause(partition: number): void {
    this.#consumer?.pause([{ topic: this.#options.topic.name, partitions: [partition] }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#again?.cancel();
    await this.#consumer?.disconnect();
  }

  async #run(): Promise<void> {
    const { topic, purpose, onMessages, onChange } = this.#options;
    const consumer = topic.consumer(purpose);
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, () => {
      this.#goOn(consumer);
      onChange(true, "");
      this.#joined?.();
    });
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      onChange(false, describeError(error));
      if (!restart) this.#runAgain(consumer);
    });
    await consumer.connect();
    await consumer.subscribe({ topic: topic.name, fromBeginning: false });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch: { partition, messages } }) => {
        const next = this.#next[partition] ?? 0n;
        // What was fetched before a seek is not what is wanted now.
        const wanted = messages.filter(({ offset }) => BigInt(offset) >= next);
        const last = wanted.at(-1);
        if (last !== undefined) this.#next[partition] = BigInt(last.offset) + 1n;
        onMessages(partition, wanted);
        return Promise.resolve();
      },
    });
  }

  #goOn(consumer: Consumer): void {
    const { topic, isPaused } = this.#options;
    const partitions = [...this.#next.keys()];
    for (const partition of partitions) {
      const offset = String(this.#next[partition] ?? 0n);
      consumer.seek({ topic: topic.name, partition, offset });
    }
    if (isPaused) consumer.pause([{ topic: topic.name, partitions }]);
  }

  #runAgain(dead: Consumer): void {
    if (this.#isClosed || dead !== this.#consumer) return;
    const { clock, logger } = this.#options.topic;
    const failed = (error: unknown): void => {
      logger.warn("kafka: not reading", { cause: describeError(error) });
    };
    dead.disconnect().catch(failed);
    this.#again?.cancel();
    this.#again = clock.after(AGAIN_MS, () => {
      this.#run().catch((error: unknown) => {
        failed(error);
        if (this.#consumer !== undefined) this.#runAgain(this.#consumer);
      });
    });
  }
}
