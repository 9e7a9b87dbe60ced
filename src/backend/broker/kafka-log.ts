import type { Log, LogAppend, LogAppended, LogEntry, LogGap, LogSlice, Position } from "./log.ts";
import { KafkaPasses } from "./kafka-passes.ts";
import type { KafkaTopic } from "./kafka-reader.ts";

const ALL_REPLICAS = -1;

/** What a partition holds. */
interface Bounds {
  readonly low: bigint;
  /** The offset of what is appended next. */
  readonly high: bigint;
}

/**
 * A topic whose partitions hold many channels each: reading one passes over the others. Retention is
 * the topic's, by age. Kafka does not know an entry that is appended once more; who reads does.
 */
export class KafkaLog implements Log, AsyncDisposable {
  readonly knowsIds = false;
  readonly #topic: KafkaTopic;
  readonly #clusterId: string;
  readonly #passes: KafkaPasses;
  #asking: Promise<readonly Bounds[]> | undefined;
  /** Asked when the one before has been answered: for all who have come since that was asked. */
  #askingNext: Promise<readonly Bounds[]> | undefined;

  constructor(topic: KafkaTopic, clusterId: string) {
    this.#topic = topic;
    this.#clusterId = clusterId;
    this.#passes = new KafkaPasses(topic);
  }

  start(): Promise<void> {
    return this.#passes.start();
  }

  async append(channel: string, entries: readonly LogAppend[]): Promise<readonly LogAppended[]> {
    const { producer, name, partitions } = this.#topic;
    const partition = partitions.of(channel);
    const [record] = await producer.send({
      topic: name,
      acks: ALL_REPLICAS,
      messages: entries.map(({ payload }) => ({ key: channel, value: payload, partition })),
    });
    if (record?.baseOffset === undefined)
      throw new Error("Kafka has not said where the entries are");
    const epoch = this.#epochOf(partition);
    const first = BigInt(record.baseOffset);
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
    const epoch = this.#epochOf(partition);
    const { low, high } = await this.#bounds(partition);
    const gap = from && gapOf(from, epoch, { low, high });
    const asked = from === undefined || gap !== undefined ? low : BigInt(from.offset) + 1n;
    const sought = { channel, start: asked > low ? asked : low, end: high, limit };
    const { messages, isBroken } = await this.#passes.read(partition, sought);
    const entries = messages.map(({ offset, value }): LogEntry => {
      return { position: { epoch, offset }, payload: value ?? Buffer.alloc(0) };
    });
    const last = entries.length < limit ? undefined : entries.at(-1)?.position;
    const next = last ?? { epoch, offset: String(high - 1n) };
    const lost = isBroken && from ? gapOf(from, epoch, await this.#bounds(partition)) : undefined;
    return { entries, gap: gap ?? lost, next };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#passes[Symbol.asyncDispose]();
  }

  async #bounds(partition: number): Promise<Bounds> {
    const all = await (this.#asking === undefined ? this.#ask() : this.#askNext());
    return all[partition] ?? { low: 0n, high: 0n };
  }

  #askNext(): Promise<readonly Bounds[]> {
    const again = (): Promise<readonly Bounds[]> => {
      this.#askingNext = undefined;
      return this.#ask();
    };
    this.#askingNext ??= (this.#asking ?? Promise.resolve()).then(again, again);
    return this.#askingNext;
  }

  #ask(): Promise<readonly Bounds[]> {
    const { admin, name } = this.#topic;
    const asking = admin.fetchTopicOffsets(name).then((offsets) => {
      const all: Bounds[] = [];
      for (const { partition, low, high } of offsets) {
        all[partition] = { low: BigInt(low), high: BigInt(high) };
      }
      return all;
    });
    this.#asking = asking.finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  #epochOf(partition: number): string {
    return `${this.#clusterId}/${this.#topic.partitions.count}/${partition}`;
  }
}

function gapOf(asked: Position, epoch: string, { low, high }: Bounds): LogGap | undefined {
  const resumes = { epoch, offset: String(low - 1n) };
  const next = BigInt(asked.offset) + 1n;
  if (asked.epoch !== epoch || next > high) return { reason: "epoch", asked, resumes };
  return next < low ? { reason: "trimmed", asked, resumes } : undefined;
}
