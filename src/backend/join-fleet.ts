import { systemClock } from "../core/clock.ts";
import { ConfigError, describeError } from "../core/errors.ts";
import { systemRandom } from "../core/random.ts";
import { announce, type Announcement } from "./announce.ts";
import { capabilitiesOf, requireFace, type Broker } from "./broker/broker.ts";
import { openBroker } from "./broker/index.ts";
import { AtLeastOnce } from "./at-least-once.ts";
import { Channels } from "./channels.ts";
import { exposeMetrics } from "./fleet-metrics.ts";
import { fleetSettings, type FleetOptions, type FleetSettings } from "./fleet-options.ts";
import { FleetError } from "./fleet-error.ts";
import { FleetStats } from "./fleet-stats.ts";
import { Fleet } from "./fleet.ts";
import { Joins } from "./joins.ts";
import { Outbox } from "./outbox.ts";
import { Presence } from "./presence/presence.ts";
import { Publisher } from "./publisher.ts";
import { Publishing } from "./publishing.ts";
import { Sharding } from "./sharding.ts";
import { Subscribers } from "./subscribers.ts";

/** For messages that still wait for the broker when the node leaves. */
const LAST_MESSAGES_MS = 2_000;

/** What is closed at the end, last opened first. */
type Closing = (() => Promise<void> | void)[];

/**
 * Makes this process a node of a fleet.
 *
 * @throws ConfigError for options that can't be used; FleetError `broker_away` when the broker can't
 *   be reached, `capability_missing` when it can't do what is asked of it, `package_missing` when its
 *   client is not installed
 */
export async function joinFleet(options: FleetOptions): Promise<Fleet> {
  const settings = fleetSettings(options);
  const closing: Closing = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        settings.logger.warn("not closed in order", { cause: describeError(error) });
      }
    }
  };
  try {
    return await join(options, settings, { closing, close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function join(
  options: FleetOptions,
  settings: FleetSettings,
  { closing, close }: { readonly closing: Closing; readonly close: () => Promise<void> },
): Promise<Fleet> {
  const { id, logger, limits, slow, graceMs } = settings;
  const [clock, random] = [systemClock, systemRandom];
  const open = async (broker: string | Broker): Promise<Broker> => {
    if (typeof broker !== "string") return broker;
    const { namespace, retention } = settings;
    const { password, ca } = options;
    const context = { namespace, nodeId: id, retention, password, ca, clock, random, logger };
    const opened = await openBroker(broker, context);
    closing.push(async () => opened[Symbol.asyncDispose]());
    return opened;
  };
  const broker = await open(options.broker);
  const { store, cursors } = options.store === undefined ? broker : await open(options.store);
  const faces = { ...broker, store, cursors };
  for (const face of options.requires ?? []) requireFace(faces, face, `requires: ["${face}"]`);

  const { bus } = broker;
  const stats = new FleetStats();
  // Another one after each start, so that nobody takes this process for the one before.
  const origin = `${id}~${random.bytes(6).toString("hex")}`;
  const channels = new Channels({
    bus,
    origin,
    graceMs,
    clock,
    logger,
    stats,
    onLogged: (channel) => atLeastOnce?.deliveries.news(channel),
  });
  closing.push(() => channels.close());
  const outbox = new Outbox({
    bus,
    maxMessages: limits.queuedMessages,
    maxBytes: limits.queuedBytes,
    clock,
    random,
    onChange: (isAway, cause) => {
      if (isAway) logger.warn("the broker takes no messages", { broker: broker.name, cause });
      else logger.info("the broker takes messages again", { broker: broker.name });
    },
  });
  closing.push(async () => {
    const late = new Promise<void>((resolve) => void clock.after(LAST_MESSAGES_MS, resolve));
    await Promise.race([outbox.emptied(), late]);
    stats.lost += outbox.close();
  });
  const publisher = new Publisher({
    origin,
    maxBytes: limits.messageBytes,
    clock,
    stats,
    send: (message) => outbox.push(message),
    deliver: (envelope) => channels.deliver(envelope),
  });
  const { log } = broker;
  const atLeastOnce: AtLeastOnce | undefined =
    log &&
    cursors &&
    new AtLeastOnce({
      ...{ origin, bus, log, cursors },
      publisher,
      settings,
      clock,
      random,
      stats,
    });
  closing.push(() => atLeastOnce?.close());
  const mustHaveLog = (): AtLeastOnce => {
    if (atLeastOnce !== undefined) return atLeastOnce;
    const purpose = "at-least-once delivery";
    requireFace(faces, "log", purpose);
    requireFace(faces, "cursors", purpose);
    throw new FleetError("capability_missing", `${broker.name} has no ${purpose}`);
  };
  // Without a word about shards, a broker that has no store does without them.
  const { shards = store === undefined ? false : {} } = options;
  const sharding = shards
    ? new Sharding({
        id,
        bus,
        store: store ?? requireFace(broker, "store", "shards"),
        shards,
        clock,
        random,
        logger,
        publish: (channel, kind, body) => publisher.publish({ channel, kind, body }),
      })
    : undefined;
  const presence = new Presence({
    origin,
    bus,
    ...settings.presence,
    clock,
    logger,
    stats,
    send: (message) => outbox.push(message),
    isHearing: () => !channels.isInterrupted,
    nodes: () => sharding?.members ?? [],
  });
  closing.push(() => presence.close());
  bus.listen({
    received(channel, payload) {
      const isTaken = sharding?.receive(channel, payload) ?? false;
      if (isTaken || presence.receive(channel, payload)) return;
      if (atLeastOnce?.deliveries.receive(channel, payload) !== true) {
        channels.receive(channel, payload);
      }
    },
    interrupted(cause) {
      logger.warn("messages may be missed", { broker: broker.name, cause });
      channels.interrupted();
    },
    restored() {
      logger.info("messages arrive again", { broker: broker.name });
      channels.restored();
      sharding?.restored();
      presence.restored();
      atLeastOnce?.deliveries.restored();
    },
  });
  closing.push(() => sharding?.leave());
  await sharding?.join();
  await presence.start();
  await atLeastOnce?.deliveries.start();
  const announcement = await announceNode(options, settings, () => stats.connections);
  closing.push(() => announcement?.withdraw());
  if (options.metrics !== undefined) {
    closing.push(
      exposeMetrics(options.metrics, {
        stats,
        channels: () => channels.size,
        isBrokerUp: () => !channels.isInterrupted && !outbox.isAway,
        queuedMessages: () => outbox.messages,
        queuedBytes: () => outbox.bytes,
        members: () => sharding?.members.length ?? 0,
        epoch: () => sharding?.epoch ?? 0,
        present: () => presence.size,
        watched: () => presence.watches.size,
        sessions: () => atLeastOnce?.deliveries.size ?? 0,
        unsettled: () => atLeastOnce?.deliveries.waiting ?? 0,
      }),
    );
  }
  const { maxInFlight } = settings.delivery;
  const shared = { deliveries: () => mustHaveLog().deliveries, maxInFlight, logger, stats };
  return new Fleet({
    id,
    capabilities: capabilitiesOf(faces),
    channels,
    presence,
    joins: new Joins({ ...shared, channels, presence, clock }),
    subscribers: new Subscribers({ ...shared, channels, maxBytes: limits.bufferedBytes }),
    publishing: new Publishing({
      publisher,
      logPublisher: () => mustHaveLog().logPublisher,
      routed: sharding?.routed,
      random,
    }),
    sharding,
    maxInFlight,
    logger,
    bufferedBytes: limits.bufferedBytes,
    slow,
    stats,
    clock,
    random,
    announceDraining: async () => announcement?.drain(),
    close,
  });
}

/** @throws ConfigError when it does not say which Redis, and the broker is none */
async function announceNode(
  options: FleetOptions,
  { id, logger }: FleetSettings,
  load: () => number,
): Promise<Announcement | undefined> {
  if (options.announce === undefined) return undefined;
  const { broker, password, ca } = options;
  const isRedis = typeof broker === "string" && /^rediss?[:+]/.test(broker);
  const redis = options.announce.redis ?? (isRedis ? broker : undefined);
  if (redis === undefined) {
    const message = "announce.redis: is required with this broker: edges find nodes in a Redis";
    throw new ConfigError([{ file: "joinFleet", message }]);
  }
  const shared = redis === broker;
  return announce({
    ...(shared && password !== undefined && { password }),
    ...(shared && ca !== undefined && { ca }),
    load,
    ...options.announce,
    redis,
    id,
    logger,
  });
}
