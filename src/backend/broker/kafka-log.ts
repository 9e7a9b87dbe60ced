import type { KafkaMessage } from "kafkajs";
import { KafkaReader, type KafkaTopic } from "./kafka-reader.ts";
import type { Log, LogAppend, LogAppended, LogEntry, LogGap, LogSlice, Position } from "./log.ts";

const ALL_REPLICAS = -1;
const READ_MS = 10_000;

interface Reading {
  readonly channel: string;
  readonly partition: number;
  readonly epoch: string;
  /** The first offset that is not asked for. */
  readonly end: bigint;
  readonly limit: number;
  readonly entries: LogEntry[];
  readonly done: () => void;
}

/**
 * A topic whose partitions hold many channels each: reading one passes over the others. Retention is
 * the topic's, by age. Kafka does not know an entry that is appended once more; who reads does.
 */
export class KafkaLog implements Log, AsyncDisposable {
  readonly knowsIds = false;
  readonly #topic: KafkaTopic;
  readonly #clusterId: string;
  readonly #readings = new Map<number, Reading>();
  /** One read a partition at a time. */
  readonly #queues = new Map<number, Promise<unknown>>();
  #reader: KafkaReader | undefined;
  #started: Promise<void> | undefined;

  constructor(topic: KafkaTopic, clusterId: string) {
    this.#topic = topic;
    this.#clusterId = clusterId;
  }

  async append(channel: string, entries: readonly LogAppend[]): Promise<readonly LogAppended[]> {
    const { producer, name, partitions } = this.#topic;
    const partition = partitions.of(channel);
    const [record] = await producer.send({
      topic: name,
      acks: ALL_REPLICAS,
      messages: entries.map(({ payload }) => ({ key: channel, value: payload, partition })),
    });
    const epoch = this.#epochOf(partition);
    const first = BigInt(record?.baseOffset ?? "0");
    return entries.map((_, i) => ({
      position: { epoch, offset: String(first + BigInt(i)) },
      isNew: undefined,
    }));
  }

  async end(channel: string): Promise<Position> {
    const partition = this.#topic.partitions.of(channel);
    const { high } = await this.#bounds(partition);
    return { epoch: this.#epochOf(partition), offset: String(high - 1n) };
  }

  async read(channel: string, from: Position | undefined, limit: number): Promise<LogSlice> {
    const partition = this.#topic.partitions.of(channel);
    const before = this.#queues.get(partition) ?? Promise.resolve();
    const slice = before.then(() => this.#read(channel, from, limit));
    this.#queues.set(
      partition,
      slice.catch(() => undefined),
    );
    return slice;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader?.[Symbol.asyncDispose]();
  }

  async #read(channel: string, from: Position | undefined, limit: number): Promise<LogSlice> {
    const partition = this.#topic.partitions.of(channel);
    const epoch = this.#epochOf(partition);
    const { low, high } = await this.#bounds(partition);
    const asked = from === undefined ? low : BigInt(from.offset) + 1n;
    const resumes = { epoch, offset: String(low - 1n) };
    let gap: LogGap | undefined;
    if (from !== undefined && (from.epoch !== epoch || asked > high)) {
      gap = { reason: "epoch", asked: from, resumes };
    } else if (from !== undefined && asked < low) {
      gap = { reason: "trimmed", asked: from, resumes };
    }
    const start = gap === undefined && asked > low ? asked : low;
    const entries: LogEntry[] = [];
    if (start < high) {
      const reading = { channel, partition, epoch, end: high, limit, entries };
      await this.#collect(reading, start);
    }
    const last = entries.length < limit ? undefined : entries.at(-1)?.position;
    return { entries, gap, next: last ?? { epoch, offset: String(high - 1n) } };
  }

  async #collect(reading: Omit<Reading, "done">, start: bigint): Promise<void> {
    const reader = await this.#startedReader();
    const { clock } = this.#topic;
    const { partition } = reading;
    await new Promise<void>((resolve, reject) => {
      const late = clock.after(READ_MS, () => {
        this.#end(partition);
        reject(new Error("Kafka did not send what it holds in time"));
      });
      const done = (): void => {
        late.cancel();
        this.#end(partition);
        resolve();
      };
      this.#readings.set(partition, { ...reading, done });
      reader.seek(partition, start);
    });
  }

  #end(partition: number): void {
    this.#readings.delete(partition);
    this.#reader?.pause(partition);
  }

  async #startedReader(): Promise<KafkaReader> {
    this.#reader ??= new KafkaReader({
      topic: this.#topic,
      purpose: "log",
      isPaused: true,
      onMessages: (partition, messages) => this.#received(partition, messages),
      onChange: () => undefined,
    });
    this.#started ??= this.#reader.start();
    await this.#started;
    return this.#reader;
  }

  #received(partition: number, messages: readonly KafkaMessage[]): void {
    const reading = this.#readings.get(partition);
    if (reading === undefined) return;
    const { channel, epoch, end, limit, entries, done } = reading;
    for (const { offset, key, value } of messages) {
      if (BigInt(offset) < end && value !== null && key?.toString("latin1") === channel) {
        entries.push({ position: { epoch, offset }, payload: value });
      }
      if (entries.length >= limit || BigInt(offset) >= end - 1n) {
        done();
        return;
      }
    }
  }

  async #bounds(partition: number): Promise<{ low: bigint; high: bigint }> {
    const { admin, name } = this.#topic;
    const all = await admin.fetchTopicOffsets(name);
    const found = all.find((bounds) => bounds.partition === partition);
    return { low: BigInt(found?.low ?? 0), high: BigInt(found?.high ?? 0) };
  }

  #epochOf(partition: number): string {
    return `${this.#clusterId}/${this.#topic.partitions.count}/${partition}`;
  }
}
