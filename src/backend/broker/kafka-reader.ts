import type { Admin, Consumer, KafkaMessage, Producer } from "kafkajs";
import type { Clock, Timer } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { KeyedPartitions } from "./kafka-partitions.ts";

const AGAIN_MS = 500;
/** How often it is looked whether the consumer still does something. */
const LOOK_MS = 500;
/** Looks until a fetch must have ended, which waits for half a second at most. */
const FETCH_LOOKS = 5;
/** Looks until a group must have been joined: brokers let the first member wait for three seconds. */
const JOIN_LOOKS = 20;
const JOIN = "join";

export interface KafkaTopic {
  readonly name: string;
  readonly partitions: KeyedPartitions;
  readonly admin: Admin;
  readonly producer: Producer;
  /** A new consumer, in a new group of its own: it gets all partitions. */
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
 * its own; whenever that gives it the partitions again, it goes on where it was. A consumer of kafkajs
 * that meets a change of leaders joins its group again, once for each broker at the same time, and the
 * attempts undo each other for up to a minute: one that has stopped fetching is replaced.
 */
export class KafkaReader implements AsyncDisposable {
  readonly #options: KafkaReaderOptions;
  /** The next offset of each partition. */
  readonly #next: bigint[] = [];
  /** Partitions that are read, of a reader that is paused else. */
  readonly #wanted = new Set<number>();
  /** What the consumer is doing, and how many looks it may still take. */
  readonly #doing = new Map<string, number>();
  #look: Timer | undefined;
  #consumer: Consumer | undefined;
  /** The same once it has joined its group: before, kafkajs throws at whoever seeks or pauses. */
  #running: Consumer | undefined;
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
    this.#look = this.#options.topic.clock.every(LOOK_MS, () => this.#replaceIfStuck());
    const joined = new Promise<void>((resolve) => (this.#joined = resolve));
    await this.#run();
    await joined;
  }

  /** Reads a partition from an offset on. */
  seek(partition: number, offset: bigint): void {
    const { name: topic } = this.#options.topic;
    this.#next[partition] = offset;
    this.#wanted.add(partition);
    this.#running?.seek({ topic, partition, offset: String(offset) });
    this.#running?.resume([{ topic, partitions: [partition] }]);
  }

  pause(partition: number): void {
    this.#wanted.delete(partition);
    this.#running?.pause([{ topic: this.#options.topic.name, partitions: [partition] }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#look?.cancel();
    this.#again?.cancel();
    await this.#consumer?.disconnect();
  }

  async #run(): Promise<void> {
    const { topic, purpose, onMessages, onChange } = this.#options;
    const consumer = topic.consumer(purpose);
    this.#consumer = consumer;
    const doing = this.#doing;
    doing.clear();
    doing.set(JOIN, JOIN_LOOKS);
    const { FETCH_START, FETCH, GROUP_JOIN, CRASH } = consumer.events;
    consumer.on(FETCH_START, ({ payload: { nodeId } }) => {
      if (consumer === this.#consumer) doing.set(String(nodeId), FETCH_LOOKS);
    });
    consumer.on(FETCH, ({ payload: { nodeId } }) => {
      if (consumer === this.#consumer) doing.delete(String(nodeId));
    });
    consumer.on(GROUP_JOIN, () => {
      if (consumer !== this.#consumer) return;
      doing.delete(JOIN);
      this.#running = consumer;
      this.#goOn(consumer);
      onChange(true, "");
      this.#joined?.();
    });
    consumer.on(CRASH, ({ payload: { error, restart } }) => {
      if (consumer !== this.#consumer) return;
      onChange(false, describeError(error));
      if (!restart) this.#runAgain(consumer);
    });
    await consumer.connect();
    await consumer.subscribe({ topic: topic.name, fromBeginning: false });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch: { partition, messages } }) => {
        if (consumer !== this.#consumer) return Promise.resolve();
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
    const unwanted = partitions.filter((partition) => !this.#wanted.has(partition));
    if (isPaused) consumer.pause([{ topic: topic.name, partitions: unwanted }]);
  }

  #replaceIfStuck(): void {
    let isStuck = false;
    for (const [what, looks] of this.#doing) {
      if (looks === 0) isStuck = true;
      else this.#doing.set(what, looks - 1);
    }
    const stuck = this.#consumer;
    if (!isStuck || stuck === undefined) return;
    this.#options.onChange(false, "kafkajs has stopped reading");
    this.#runAgain(stuck);
  }

  #runAgain(dead: Consumer): void {
    if (this.#isClosed || dead !== this.#consumer) return;
    this.#doing.clear();
    this.#running = undefined;
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
