import type * as KafkaJs from "kafkajs";
import { ConfigError, describeError } from "../../core/errors.ts";
import { FleetError } from "../fleet-error.ts";
import type { Broker, BrokerContext } from "./broker.ts";
import { parseBrokerUrl, type BrokerUrl } from "./broker-url.ts";
import { KafkaBus } from "./kafka-bus.ts";
import { KafkaLog } from "./kafka-log.ts";
import type { KafkaTopic } from "./kafka-reader.ts";
import { KeyedPartitions } from "./kafka-partitions.ts";
import { loadOptional } from "./optional-package.ts";

const PORT = 9092;
const CONNECT_MS = 3_000;
const REQUEST_MS = 5_000;
/** A reader of logs is sent to where entries are: a fetch that waits is one of nothing. */
const SOUGHT_WAIT_MS = 20;
/** Of topics that are created here; those of an operator keep theirs. */
const PARTITIONS = 16;
const REPLICAS = 3;

const NO_STORE = "give joinFleet a store of its own, such as store: redis://HOST:PORT";

/**
 * Kafka: one topic for the bus and one for the log. A channel is a key, which the ring places on a
 * partition; every node reads all partitions of the bus.
 */
export async function openKafka(url: string, context: BrokerContext): Promise<Broker> {
  const target = parseBrokerUrl(url, "kafka", PORT);
  const { Kafka, logLevel } = await loadOptional(async () => (await import("kafkajs")).default, {
    scheme: "kafka",
    packages: "kafkajs",
  });
  const kafka = new Kafka({ ...clientConfig(target, context), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer({ allowAutoTopicCreation: true, retry: { retries: 2 } });
  const closing: (() => Promise<void>)[] = [() => producer.disconnect(), () => admin.disconnect()];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0)) {
      await end().catch((error: unknown) => {
        context.logger.warn("kafka: not closed in order", { cause: describeError(error) });
      });
    }
  };
  try {
    await admin.connect();
    await producer.connect();
    const { namespace, random, clock, logger } = context;
    const group = `${namespace}.${context.nodeId}`;
    const open = async (name: string): Promise<KafkaTopic> => {
      const partitions = await openTopic(admin, name, context);
      const consumer = (purpose: string): KafkaJs.Consumer =>
        kafka.consumer({
          groupId: `${group}.${purpose}.${random.bytes(6).toString("hex")}`,
          sessionTimeout: 10_000,
          heartbeatInterval: 1_000,
          maxWaitTimeInMs: purpose === "log" ? SOUGHT_WAIT_MS : 500,
          retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 3 },
        });
      return { name, partitions, admin, producer, consumer, clock, logger };
    };
    const bus = new KafkaBus(await open(`${namespace}.bus`));
    closing.unshift(() => bus[Symbol.asyncDispose]());
    await bus.start();
    const { clusterId } = await admin.describeCluster();
    const log = new KafkaLog(await open(`${namespace}.log`), clusterId);
    closing.unshift(() => log[Symbol.asyncDispose]());
    return {
      name: target.name,
      bus,
      log,
      store: undefined,
      cursors: undefined,
      missing: { store: NO_STORE, cursors: NO_STORE },
      [Symbol.asyncDispose]: close,
    };
  } catch (cause) {
    await close();
    if (cause instanceof ConfigError || cause instanceof FleetError) throw cause;
    throw new FleetError(
      "broker_away",
      `${target.name} can't be reached (${describeError(cause)}): is it up, and the URL right?`,
      { cause },
    );
  }
}

function clientConfig(
  { hosts, tls, username, password: inUrl }: BrokerUrl,
  { nodeId, password = inUrl, ca }: BrokerContext,
): KafkaJs.KafkaConfig {
  return {
    clientId: nodeId,
    brokers: [...hosts],
    connectionTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    ...(tls && { ssl: ca === undefined ? true : { ca } }),
    ...(username !== undefined &&
      password !== undefined && {
        sasl: { mechanism: "scram-sha-512", username, password },
      }),
  };
}

/** Creates the topic where that is allowed and needed. @returns its partitions by the ring */
async function openTopic(
  admin: KafkaJs.Admin,
  topic: string,
  { retention, logger }: BrokerContext,
): Promise<KeyedPartitions> {
  const known = await admin.listTopics();
  if (!known.includes(topic)) {
    const configEntries = [{ name: "retention.ms", value: String(retention.ageMs) }];
    const { brokers } = await admin.describeCluster();
    const replicationFactor = Math.min(REPLICAS, brokers.length);
    const config = { topic, numPartitions: PARTITIONS, replicationFactor, configEntries };
    await admin.createTopics({ topics: [config], waitForLeaders: true }).catch((error: unknown) => {
      // Asking for its metadata makes brokers create it, where they are set to.
      logger.info("kafka: topic not created", { topic, cause: describeError(error) });
    });
  }
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const count = topics[0]?.partitions.length ?? 0;
  if (count === 0) throw new Error(`the topic ${topic} has no partition; create it`);
  return new KeyedPartitions(count);
}
