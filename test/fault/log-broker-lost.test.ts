import { describe, expect, it } from "vitest";
import { requireFace } from "../../src/backend/broker/broker.ts";
import type { Log, LogAppend, Position } from "../../src/backend/broker/log.ts";
import { openNode } from "../support/brokers.ts";
import { startKafka, type KafkaCluster } from "../support/kafka.ts";
import { startNats } from "../support/nats.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const RETENTION = { messages: 100_000, ageMs: 3_600_000 };
const BATCH = 5;
const CHANNEL = "room:1";

interface BrokerServer {
  readonly url: string;
  kill(): Promise<void>;
  restart(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** Those that keep their logs on disk. */
const servers: readonly (readonly [name: string, start: () => Promise<BrokerServer>])[] = [
  ["Redis", () => startRedis({ args: ["--appendonly", "yes"] })],
  ["NATS", () => startNats()],
];

async function openLog(url: string): Promise<Log> {
  return requireFace(await openNode(url, { retention: RETENTION }), "log", "this test");
}

/** Appends numbers in batches, each again and again until it is confirmed, as a publisher does. */
class Appending {
  confirmed = 0;
  refused = 0;
  readonly #log: Log;
  #isEnded = false;
  #running: Promise<void> | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  start(): void {
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isEnded) {
      const batch = Array.from({ length: BATCH }, (_, i) => entry(this.confirmed + i));
      await until("the broker takes the batch", async () => {
        try {
          await this.#log.append(CHANNEL, batch);
          return true;
        } catch (error) {
          this.refused++;
          throw error;
        }
      });
      this.confirmed += BATCH;
    }
  }
}

function entry(number: number): LogAppend {
  return { id: `id-${number}`, payload: Buffer.from(String(number)) };
}

async function readAll(log: Log, from: Position): Promise<number[]> {
  const numbers: number[] = [];
  for (let next = from; ;) {
    const slice = await log.read(CHANNEL, next, 200);
    expect(slice.gap).toBeUndefined();
    numbers.push(...slice.entries.map(({ payload }) => Number(payload.toString())));
    if (slice.entries.length === 0) return numbers;
    next = slice.next;
  }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describe.each(servers)("a log whose %s is lost", (_, start) => {
  it("has each entry once and in order after it was killed while entries were appended", async () => {
    const server = await start();
    const log = await openLog(server.url);
    const from = await log.end(CHANNEL);
    const appending = new Appending(log);
    appending.start();
    for (let round = 0; round < 2; round++) {
      const { confirmed, refused } = appending;
      await until("entries are appended", () => appending.confirmed > confirmed + 100);
      await server.kill();
      await until("an append is refused", () => appending.refused > refused);
      await server.restart();
    }
    const { confirmed } = appending;
    await until("entries are appended", () => appending.confirmed > confirmed + 100);
    await appending.end();
    const other = await openLog(server.url);
    await until("it can be read", async () => (await other.end(CHANNEL)) !== undefined);
    expect(await readAll(other, from)).toEqual(upTo(appending.confirmed));
  });

  it("refuses an append when the broker hangs, and takes it again after", async () => {
    const server = await start();
    const log = await openLog(server.url);
    const from = await log.end(CHANNEL);
    await log.append(CHANNEL, [entry(0)]);
    server.freeze();
    await expect(log.append(CHANNEL, [entry(1), entry(2)])).rejects.toThrow();
    await expect(log.read(CHANNEL, from, 10)).rejects.toThrow();
    server.thaw();
    await until("it is taken", async () => {
      await log.append(CHANNEL, [entry(1), entry(2)]);
      return true;
    });
    expect(await readAll(log, from)).toEqual(upTo(3));
  });
});

describe("a log whose Kafka loses brokers", () => {
  /** API keys and errors of the Kafka protocol. */
  const PRODUCE = 0;
  const NOT_LEADER = 6;
  const TIMED_OUT = 7;

  async function startLog(): Promise<{
    cluster: KafkaCluster;
    log: Log;
    from: Position;
    move: (broker: number) => Promise<void>;
  }> {
    const cluster = await startKafka();
    const log = await openLog(cluster.url);
    const from = await log.end(CHANNEL);
    const partition = Number(from.epoch.split("/").at(-1));
    return { cluster, log, from, move: (broker) => cluster.leader("test.log", partition, broker) };
  }

  it("has each entry in order when leaders change between appends and in the middle of one", async () => {
    const { cluster, log, from, move } = await startLog();
    let count = 0;
    const append = async (): Promise<void> => {
      await log.append(CHANNEL, [entry(count), entry(count + 1)]);
      count += 2;
    };
    for (const broker of [1, 2]) {
      await move(broker);
      await append();
      await append();
    }
    for (const error of [NOT_LEADER, TIMED_OUT]) {
      await cluster.errors(PRODUCE, error);
      await append();
    }
    expect(await readAll(log, from)).toEqual(upTo(count));
  });

  it("refuses what no broker takes, and has nothing of what was confirmed twice or not at all", async () => {
    const { cluster, log, from, move } = await startLog();
    await move(2);
    await log.append(CHANNEL, [entry(0)]);
    await cluster.down(2);
    await expect(log.append(CHANNEL, [entry(1)])).rejects.toThrow();
    await move(3);
    await log.append(CHANNEL, [entry(1)]);
    await cluster.up(2);
    await cluster.errors(PRODUCE, ...Array.from({ length: 8 }, () => NOT_LEADER));
    await expect(log.append(CHANNEL, [entry(2)])).rejects.toThrow();
    await until("it is taken", async () => {
      await log.append(CHANNEL, [entry(2)]);
      return true;
    });
    let found: number[] = [];
    await until("it can be read", async () => {
      found = await readAll(log, from);
      return true;
    });
    expect(found).toEqual(upTo(3));
  });
});
