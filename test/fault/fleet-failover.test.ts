import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { startKafka, type KafkaCluster } from "../support/kafka.ts";
import { startNatsCluster } from "../support/nats.ts";
import { startNode } from "../support/node.ts";
import { startCluster } from "../support/redis-cluster.ts";
import { startSentinel } from "../support/redis-sentinel.ts";
import { until } from "../support/until.ts";

const CHANNELS = Array.from({ length: 20 }, (_, i) => `room:${i}`);
/** Kafka's numbers of requests, and of errors that brokers answer while a leader changes. */
const PRODUCE = 0;
const FETCH = 1;
const LEADER_NOT_AVAILABLE = 5;
const NOT_LEADER = 6;
const REQUEST_TIMED_OUT = 7;
/** Of librdkafka's mock, for topics that it creates. */
const PARTITIONS = 4;
const PATIENCE_MS = 120_000;

interface Faulty {
  readonly url: string;
  /** What happens while nodes publish. */
  readonly fail: () => Promise<unknown>;
}

async function kafka(fail: (cluster: KafkaCluster) => Promise<unknown>): Promise<Faulty> {
  const cluster = await startKafka();
  return { url: cluster.url, fail: () => fail(cluster) };
}

const faults: Readonly<Record<string, () => Promise<Faulty>>> = {
  "Sentinels elect another primary": async () => {
    const set = await startSentinel();
    return { url: set.url, fail: async () => (await set.primary()).kill() };
  },
  "a Redis Cluster loses a primary": async () => {
    const cluster = await startCluster();
    return { url: cluster.url, fail: async () => (await cluster.primaries())[0]?.kill() };
  },
  "a NATS cluster loses the server that nodes are connected to": async () => {
    const cluster = await startNatsCluster();
    const [first] = cluster.servers;
    return { url: first?.url ?? "", fail: async () => first?.kill() };
  },
  "a Kafka broker goes down and comes back": () =>
    kafka(async (cluster) => {
      await cluster.down(1);
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await cluster.up(1);
    }),
  "Kafka's partitions get other leaders": () =>
    kafka(async (cluster) => {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        await cluster.leader("ringway.bus", partition, 1 + ((partition + 1) % 3));
      }
    }),
  "Kafka's brokers answer with errors": () =>
    kafka(async (cluster) => {
      await cluster.errors(PRODUCE, NOT_LEADER, REQUEST_TIMED_OUT, LEADER_NOT_AVAILABLE);
      await cluster.errors(FETCH, NOT_LEADER);
    }),
};

async function missedBy(registry: Registry): Promise<number> {
  const text = await registry.metrics();
  return Number(/^ringway_fleet_messages_missed_total (\d+)/m.exec(text)?.[1]);
}

describe.each(Object.entries(faults))("a fleet, while %s,", (_, start) => {
  it(
    "goes on by itself; each message comes once and in order, or is counted as missed",
    async () => {
      const { url: broker, fail } = await start();
      const registry = new Registry();
      const a = await startNode({ broker });
      const b = await startNode({ broker, metrics: registry });
      const got = new Map(CHANNELS.map((name) => [name, [] as number[]]));
      for (const [name, numbers] of got) {
        await b.fleet.channel(name).subscribe(({ data }) => numbers.push(data as number));
      }
      const sent = new Map(CHANNELS.map((name) => [name, 0]));
      const publish = async (name: string): Promise<void> => {
        const number = sent.get(name) ?? 0;
        await a.fleet.channel(name).publish(number);
        sent.set(name, number + 1);
      };
      let isRunning = true;
      const publishing = (async () => {
        for (let i = 0; isRunning; i++) {
          // What is refused is sent again in its turn.
          await publish(CHANNELS[i % CHANNELS.length] ?? "").catch(() => undefined);
          if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        }
      })();
      const allArrive = async (when: string): Promise<void> => {
        const before = new Map([...got].map(([name, numbers]) => [name, numbers.length]));
        await until(`messages arrive on all channels ${when}`, () =>
          [...got].every(([name, numbers]) => numbers.length > (before.get(name) ?? 0) + 20),
        );
      };
      await allArrive("before");
      await fail();
      await allArrive("after");
      isRunning = false;
      await publishing;
      for (const name of CHANNELS) await publish(name);
      await until("the last have come", () =>
        [...got].every(([name, numbers]) => numbers.at(-1) === (sent.get(name) ?? 0) - 1),
      );
      let arrived = 0;
      for (const numbers of got.values()) {
        expect(numbers).toEqual([...new Set(numbers)].sort((x, y) => x - y));
        arrived += numbers.length;
      }
      const all = [...sent.values()].reduce((sum, count) => sum + count, 0);
      expect(arrived + (await missedBy(registry))).toBe(all);
    },
    PATIENCE_MS,
  );
});
