import type * as JetStream from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
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
/** For so long a message that is published once more is known to be the same. */
const DUPLICATES_MS = 600_000;

export interface NatsFaces {
  readonly log: NatsLog;
  readonly store: NatsStore;
  readonly cursors: NatsStore;
}

/**
 * Opens the two streams, and creates those that are not there; existing ones stay as their operator
 * has set them.
 *
 * @returns undefined where JetStream is off
 * @throws Error when JetStream does not answer
 */
export async function openStreams(
  jetstream: typeof JetStream,
  connection: NatsConnection,
  context: BrokerContext,
): Promise<NatsFaces | undefined> {
  const { clock } = context;
  const endMs = clock.nowMs() + READY_MS;
  for (;;) {
    try {
      return await open(jetstream, connection, context);
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
  { jetstreamManager, RetentionPolicy, JetStreamApiError }: typeof JetStream,
  connection: NatsConnection,
  { namespace, retention }: BrokerContext,
): Promise<NatsFaces> {
  const manager = await jetstreamManager(connection, { timeout: REQUEST_MS });
  const add = async (config: Partial<JetStream.StreamConfig> & { name: string }): Promise<void> => {
    try {
      await manager.streams.info(config.name);
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.status === 404)) throw error;
      const replicas = connection.info?.cluster === undefined ? 1 : REPLICAS;
      await manager.streams.add({ ...config, num_replicas: replicas });
    }
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
  await add({ name: store, subjects: [`${namespace}.store.>`], max_msgs_per_subject: 1 });
  await add({
    name: cursors,
    subjects: [`${namespace}.cursor.*`],
    max_msgs_per_subject: 1,
    max_age: retention.ageMs * CURSOR_AGES * NANOS,
  });
  const stream = { manager, client: manager.jetstream(), timeoutMs: REQUEST_MS };
  return {
    log: new NatsLog({ ...stream, stream: log, prefix: `${namespace}.log.`, retention }),
    store: new NatsStore({ ...stream, stream: store, prefix: `${namespace}.store.` }),
    cursors: new NatsStore({ ...stream, stream: cursors, prefix: `${namespace}.cursor.` }),
  };
}
