import type { Consumer, ConsumerRunConfig, KafkaMessage } from "kafkajs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KafkaPasses } from "../../src/backend/broker/kafka-passes.ts";
import { KeyedPartitions } from "../../src/backend/broker/kafka-partitions.ts";
import type { KafkaTopic } from "../../src/backend/broker/kafka-reader.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A consumer that is given its messages by hand. */
class FakeConsumer {
  readonly events = { FETCH_START: "s", FETCH: "f", GROUP_JOIN: "j", CRASH: "c" };
  readonly sought: string[] = [];
  isPaused = false;
  #joined: ((event: unknown) => void) | undefined;
  #eachBatch: ConsumerRunConfig["eachBatch"];

  on(name: string, listener: (event: unknown) => void): void {
    if (name === "j") this.#joined = listener;
  }
  connect(): Promise<void> {
    return Promise.resolve();
  }
  subscribe(): Promise<void> {
    return Promise.resolve();
  }
  run({ eachBatch }: ConsumerRunConfig): Promise<void> {
    this.#eachBatch = eachBatch;
    this.#joined?.({ payload: {} });
    this.sought.length = 0;
    return Promise.resolve();
  }
  seek({ offset }: { readonly offset: string }): void {
    this.sought.push(offset);
  }
  resume(): void {
    this.isPaused = false;
  }
  pause(): void {
    this.isPaused = true;
  }
  disconnect(): Promise<void> {
    return Promise.resolve();
  }

  /** As if they had been fetched together: channels by their offsets. */
  async fetched(from: number, channels: string): Promise<void> {
    const messages = [...channels].map((key, i) => ({
      key: Buffer.from(key),
      value: Buffer.from(key),
      offset: String(from + i),
    }));
    await this.#eachBatch?.({
      batch: { partition: 0, messages: messages as unknown as KafkaMessage[] },
    } as Parameters<NonNullable<ConsumerRunConfig["eachBatch"]>>[0]);
  }
}

let consumer: FakeConsumer;
let clock: FakeClock;
let passes: KafkaPasses;

beforeEach(async () => {
  consumer = new FakeConsumer();
  clock = new FakeClock();
  const topic: KafkaTopic = {
    name: "log",
    partitions: new KeyedPartitions(1),
    admin: { fetchTopicOffsets: () => Promise.resolve([]) } as unknown as KafkaTopic["admin"],
    producer: {} as KafkaTopic["producer"],
    consumer: () => consumer as unknown as Consumer,
    clock,
    logger: silentLogger,
  };
  passes = new KafkaPasses(topic);
  await passes.start();
});
afterEach(() => passes[Symbol.asyncDispose]());

/** @returns the offsets that were found */
async function read(channel: string, start: number, end: number, limit = 10): Promise<string[]> {
  const sought = { channel, start: BigInt(start), end: BigInt(end), limit };
  const { messages, isBroken } = await passes.read(0, sought);
  return [...messages.map(({ offset }) => offset), ...(isBroken ? ["broken"] : [])];
}

describe("a pass over a partition", () => {
  it("serves all who waited for it, whatever their channels and positions", async () => {
    const first = read("a", 5, 9);
    const waiting = [read("a", 2, 9), read("b", 0, 9), read("a", 0, 9, 1)];
    expect(consumer.sought).toEqual(["5"]);
    await consumer.fetched(5, "abab");
    expect(await first).toEqual(["5", "7"]);
    expect(consumer.sought).toEqual(["5", "0"]);
    await consumer.fetched(0, "aabb");
    await consumer.fetched(4, "ba");
    await consumer.fetched(6, "abb");
    expect(await Promise.all(waiting)).toEqual([["5", "6"], ["2", "3", "4", "7", "8"], ["0"]]);
    expect(consumer.isPaused).toBe(true);
  });

  it("finds the next page in what was fetched with the last", async () => {
    const page = read("a", 0, 6, 2);
    await consumer.fetched(0, "aaaa");
    expect(await page).toEqual(["0", "1"]);
    expect(await read("a", 2, 6, 2)).toEqual(["2", "3"]);
    expect(consumer.sought).toEqual(["0"]);
    const rest = read("a", 4, 6, 2);
    expect(consumer.sought).toEqual(["0", "4"]);
    await consumer.fetched(4, "aa");
    expect(await rest).toEqual(["4", "5"]);
  });

  it("does not take what had been fetched before it began for what comes first", async () => {
    const late = read("a", 8, 10);
    await consumer.fetched(8, "aa");
    await late;
    const early = read("a", 0, 4);
    await consumer.fetched(10, "aa");
    expect(consumer.sought).toEqual(["8", "0", "0"]);
    await consumer.fetched(0, "aaaa");
    expect(await early).toEqual(["0", "1", "2", "3"]);
  });

  it("says that offsets are not there any more", async () => {
    const broken = read("a", 0, 6);
    await consumer.fetched(4, "aa");
    await consumer.fetched(4, "aa");
    expect(await broken).toEqual(["4", "5", "broken"]);
  });

  it("fails when nothing comes, and all who wait with it", async () => {
    const waiting = Promise.allSettled([read("a", 0, 6), read("b", 0, 6)]);
    clock.advance(10_000);
    expect((await waiting).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const later = read("a", 0, 1);
    await consumer.fetched(0, "a");
    expect(await later).toEqual(["0"]);
  });
});
