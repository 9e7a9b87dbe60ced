import type * as JetStream from "@nats-io/jetstream";
import type { MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import type { BrokerContext } from "./broker.ts";
import { CURSOR_AGES } from "./cursors.ts";
import { NatsLog } from "./nats-log.ts";
import { NatsStore } from "./nats-store.ts";

const REQUEST_MS = 3_000;
/** A cluster that has just started, or has lost its leader, chooses one first. */
const READY_MS = 15_000;
const RETRY_MS = 250;
const REPLICAS = 3;
const NANOS = 1_000_000;
/**
 * Messages that a subject keeps in a cluster: more than are ever written over one at the same time. All
 * nodes may want to replace the same entry of a store, but few have the same session.
 */
const STORE_CHAIN = 256;
const CURSOR_CHAIN = 16;
/** For so long a message that is published once more is known to be the same. */
const DUPLICATES_MS = 600_000;

type NamedConfig = Partial<JetStream.StreamConfig> & { readonly name: string };

/** What is used of the client's packages, which not everybody has installed. */
export interface NatsPackages {
  readonly jetstream: typeof JetStream;
  readonly headers: () => MsgHdrs;
}

export interface NatsFaces {
  readonly log: NatsLog;
  readonly store: NatsStore;
  readonly cursors: NatsStore;
}

/**
 * Opens the three streams, and creates those that are not there; existing ones stay as their operator
 * has set them.
 *
 * @returns undefined where JetStream is off
 * @throws Error when JetStream does not answer
 */
export async function openStreams(
  packages: NatsPackages,
  connection: NatsConnection,
  context: BrokerContext,
): Promise<NatsFaces | undefined> {
  const { clock } = context;
  const endMs = clock.nowMs() + READY_MS;
  for (;;) {
    try {
      return await open(packages, connection, context);
    } catch (error) {
      if (isNotEnabled(error)) return undefined;
      if (clock.nowMs() > endMs) throw error;
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
    }
  }
}

/** The package does not export the class. */
function isNotEnabled(error: unknown): boolean {
  return error instanceof Error && error.name === "JetStreamNotEnabled";
}

async function open(
  { jetstream, headers }: NatsPackages,
  connection: NatsConnection,
  { namespace, retention, logger }: BrokerContext,
): Promise<NatsFaces> {
  const { jetstreamManager, RetentionPolicy, JetStreamApiError } = jetstream;
  const manager = await jetstreamManager(connection, { timeout: REQUEST_MS });
  const isClustered = connection.info?.cluster !== undefined;
  const add = async (config: NamedConfig): Promise<JetStream.StreamConfig> => {
    try {
      return (await manager.streams.info(config.name)).config;
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.status === 404)) throw error;
      const num_replicas = isClustered ? REPLICAS : 1;
      return (await manager.streams.add({ ...config, num_replicas })).config;
    }
  };
  const addStore = async (config: NamedConfig, chain: number): Promise<void> => {
    const length = isClustered ? chain : 1;
    const { max_msgs_per_subject: kept } = await add({ ...config, max_msgs_per_subject: length });
    if (kept <= 0 || kept >= length) return;
    const fields = { stream: config.name, messagesPerSubject: kept, needed: length };
    logger.warn("a stream keeps too few messages: two writers at once may both succeed", fields);
  };
  const name = namespace.replaceAll(/[^A-Za-z0-9_-]/g, "_");
  const [log, store, cursors] = [`${name}_log`, `${name}_store`, `${name}_cursors`];
  await add({
    name: log,
    subjects: [`${namespace}.log.*`],
    retention: RetentionPolicy.Limits,
    // One more than is promised: a cursor at the last that retention dropped is not behind a gap.
    max_msgs_per_subject: retention.messages + 1,
    max_age: retention.ageMs * NANOS,
    duplicate_window: Math.min(retention.ageMs, DUPLICATES_MS) * NANOS,
  });
  await addStore({ name: store, subjects: [`${namespace}.store.>`] }, STORE_CHAIN);
  const max_age = retention.ageMs * CURSOR_AGES * NANOS;
  await addStore({ name: cursors, subjects: [`${namespace}.cursor.*`], max_age }, CURSOR_CHAIN);
  const stream = { manager, client: manager.jetstream(), timeoutMs: REQUEST_MS };
  const kept = { ...stream, isClustered, headers };
  return {
    log: new NatsLog({ ...stream, stream: log, prefix: `${namespace}.log.`, retention }),
    store: new NatsStore({ ...kept, stream: store, prefix: `${namespace}.store.` }),
    cursors: new NatsStore({ ...kept, stream: cursors, prefix: `${namespace}.cursor.` }),
  };
}
