import { randomUUID } from "node:crypto";
import { whenDone } from "./when-done.ts";
import type { Broker, BrokerContext } from "../../src/backend/broker/broker.ts";
import { openBroker } from "../../src/backend/broker/index.ts";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { systemRandom } from "../../src/core/random.ts";
import { startKafka } from "./kafka.ts";
import { startNats, startNatsCluster } from "./nats.ts";
import { startCluster } from "./redis-cluster.ts";
import { startSentinel } from "./redis-sentinel.ts";
import { startRedis } from "./redis.ts";

export const RETENTION = { messages: 20, ageMs: 3_600_000 };

export interface BrokerServer {
  readonly name: string;
  /** @returns the URL of a broker that nobody has used before */
  readonly start: () => Promise<string>;
  /** Its log keeps so many entries of each channel. */
  readonly countsEntries: boolean;
  /** It knows an entry that is appended once more. */
  readonly knowsIds: boolean;
  readonly hasStore: boolean;
  /** Its servers tell each other of subscriptions, which takes a moment that nobody is told of. */
  readonly isHeardLater: boolean;
}

/** Every broker that there is, on real servers. */
export const brokerServers: readonly BrokerServer[] = [
  server("memory", () => Promise.resolve(`memory:${randomUUID()}`)),
  server("Redis", async () => (await startRedis()).url),
  server("Redis Sentinel", async () => (await startSentinel()).url),
  server("Redis Cluster", async () => (await startCluster()).url),
  server("NATS", async () => (await startNats()).url),
  { ...server("a NATS cluster", async () => (await startNatsCluster()).url), isHeardLater: true },
  {
    name: "Kafka",
    start: async () => process.env["KAFKA_URL"] ?? (await startKafka()).url,
    countsEntries: false,
    knowsIds: false,
    hasStore: false,
    isHeardLater: false,
  },
];

function server(name: string, start: () => Promise<string>): BrokerServer {
  return { name, start, countsEntries: true, knowsIds: true, hasStore: true, isHeardLater: false };
}

let opened = 0;

/** As a node of its own; closed when the test ends. */
export async function openNode(url: string, context: Partial<BrokerContext> = {}): Promise<Broker> {
  const broker = await openBroker(url, {
    namespace: "test",
    nodeId: `node-${++opened}`,
    retention: RETENTION,
    password: undefined,
    ca: undefined,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...context,
  });
  whenDone(() => broker[Symbol.asyncDispose]());
  return broker;
}
