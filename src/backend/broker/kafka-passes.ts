import type { KafkaMessage } from "kafkajs";
import type { Timer } from "../../core/clock.ts";
import { KafkaReader, type KafkaTopic } from "./kafka-reader.ts";

/** For the next messages of a pass: longer than it takes kafkajs to get over a change of leaders. */
const SILENCE_MS = 10_000;

export interface Sought {
  readonly channel: string;
  readonly start: bigint;
  /** The first offset that is not asked for; there are messages up to it. */
  readonly end: bigint;
  readonly limit: number;
}

export interface Found {
  readonly messages: readonly KafkaMessage[];
  /** Some offsets were not there: retention may have passed them. */
  readonly isBroken: boolean;
}

interface Reading {
  readonly channel: string;
  readonly end: bigint;
  readonly limit: number;
  readonly messages: KafkaMessage[];
  /** What is before it has been looked at. */
  start: bigint;
  isBroken: boolean;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

/** Messages that were fetched together. */
interface Batch {
  readonly first: bigint;
  /** The offset behind them. */
  readonly end: bigint;
  readonly byChannel: ReadonlyMap<string, readonly KafkaMessage[]>;
}

interface Partition {
  waiting: Reading[];
  /** Those that this pass is for. */
  pass: Reading[];
  /** Where it is. */
  next: bigint;
  isSoughtAgain: boolean;
  silence: Timer | undefined;
  /** The last one: who reads on finds the next page in it. */
  batch: Batch | undefined;
}

/**
 * Looks for messages of channels in partitions, which hold many channels each. All who wait for a
 * partition are served by one pass over it, which begins where the first of them does; who comes later
 * waits for the next. So no one waits for more than two passes, however many there are.
 */
export class KafkaPasses implements AsyncDisposable {
  readonly #topic: KafkaTopic;
  readonly #reader: KafkaReader;
  readonly #partitions = new Map<number, Partition>();

  constructor(topic: KafkaTopic) {
    this.#topic = topic;
    this.#reader = new KafkaReader({
      topic,
      purpose: "log",
      isPaused: true,
      onMessages: (partition, messages) => this.#received(partition, messages),
      onChange: () => undefined,
    });
  }

  start(): Promise<void> {
    return this.#reader.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const partition of this.#partitions.values()) {
      this.#fail(partition, new Error("the connection to Kafka is closed"));
    }
    return this.#reader[Symbol.asyncDispose]();
  }

  /**
   * The messages of a channel from an offset on, up to a limit.
   *
   * @throws Error when they do not come in time
   */
  async read(partition: number, { channel, start, end, limit }: Sought): Promise<Found> {
    const held = this.#partitionOf(partition);
    const messages: KafkaMessage[] = [];
    return new Promise((resolve, fail) => {
      const done = (): void => resolve(reading);
      const reading = { channel, start, end, limit, messages, isBroken: false, done, fail };
      const { batch } = held;
      const isHeld = batch !== undefined && start >= batch.first && isDoneWith(reading, batch);
      if (start >= end || isHeld) {
        done();
        return;
      }
      held.waiting.push(reading);
      if (held.pass.length === 0) this.#begin(partition, held);
    });
  }

  #partitionOf(partition: number): Partition {
    let held = this.#partitions.get(partition);
    if (held === undefined) {
      const [silence, batch] = [undefined, undefined];
      held = { waiting: [], pass: [], next: 0n, isSoughtAgain: false, silence, batch };
      this.#partitions.set(partition, held);
    }
    return held;
  }

  #begin(partition: number, held: Partition): void {
    held.silence?.cancel();
    held.pass = held.waiting;
    held.waiting = [];
    const [first, ...others] = held.pass;
    if (first === undefined) {
      this.#reader.pause(partition);
      return;
    }
    held.next = others.reduce((least, { start }) => (start < least ? start : least), first.start);
    held.isSoughtAgain = false;
    this.#seek(partition, held);
  }

  #seek(partition: number, held: Partition): void {
    this.#expect(held);
    this.#reader.seek(partition, held.next);
  }

  #received(partition: number, messages: readonly KafkaMessage[]): void {
    const held = this.#partitions.get(partition);
    const batch = batchOf(messages);
    if (held === undefined || batch === undefined || held.pass.length === 0) return;
    // It may have been fetched before the reader was sent here.
    if (batch.first > held.next && !held.isSoughtAgain) {
      held.isSoughtAgain = true;
      this.#seek(partition, held);
      return;
    }
    held.isSoughtAgain = false;
    held.next = batch.end;
    held.batch = batch;
    const pass = held.pass;
    held.pass = [];
    for (const reading of pass) {
      if (isDoneWith(reading, batch)) reading.done();
      else held.pass.push(reading);
    }
    if (held.pass.length === 0) this.#begin(partition, held);
    else this.#expect(held);
  }

  #expect(held: Partition): void {
    held.silence?.cancel();
    held.silence = this.#topic.clock.after(SILENCE_MS, () => {
      this.#fail(held, new Error("Kafka did not send what it holds in time"));
    });
  }

  /** Those that wait would find out for themselves, one pass after the other. */
  #fail(held: Partition, error: Error): void {
    held.silence?.cancel();
    const failed = [...held.pass, ...held.waiting];
    held.pass = [];
    held.waiting = [];
    for (const { fail } of failed) fail(error);
  }
}

function batchOf(messages: readonly KafkaMessage[]): Batch | undefined {
  const [first, last] = [messages[0], messages.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const byChannel = new Map<string, KafkaMessage[]>();
  for (const message of messages) {
    const channel = message.key?.toString("latin1") ?? "";
    const same = byChannel.get(channel);
    if (same === undefined) byChannel.set(channel, [message]);
    else same.push(message);
  }
  return { first: BigInt(first.offset), end: BigInt(last.offset) + 1n, byChannel };
}

/** Takes what it wants of a batch. @returns whether it needs no more */
function isDoneWith(reading: Reading, { first, end, byChannel }: Batch): boolean {
  if (reading.start >= end) return false;
  if (reading.start < first) reading.isBroken = true;
  for (const message of byChannel.get(reading.channel) ?? []) {
    const offset = BigInt(message.offset);
    if (offset < reading.start) continue;
    if (offset >= reading.end) break;
    if (message.value !== null) reading.messages.push(message);
    if (reading.messages.length >= reading.limit) return true;
  }
  reading.start = end;
  return end >= reading.end;
}
