import { systemClock } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import { systemRandom } from "../core/random.ts";
import { waitAtMost } from "../core/wait-at-most.ts";
import { announceNode } from "./announce-node.ts";
import { capabilitiesOf, missingFace, requireFace } from "./broker/broker.ts";
import { listenerOf } from "./bus-listener.ts";
import { AtLeastOnce } from "./at-least-once.ts";
import { Channels } from "./channels.ts";
import type { Deliveries } from "./delivery/deliveries.ts";
import { exposeMetrics } from "./fleet-metrics.ts";
import { fleetSettings, type FleetOptions, type FleetSettings } from "./fleet-options.ts";
import { FleetStats } from "./fleet-stats.ts";
import { Fleet } from "./fleet.ts";
import { Joins } from "./joins.ts";
import { openBrokers, type Closing } from "./open-brokers.ts";
import { Outbox } from "./outbox.ts";
import { Presence } from "./presence/presence.ts";
import { Publisher } from "./publisher.ts";
import { Publishing } from "./publishing.ts";
import { Sharding } from "./sharding.ts";
import { Subscribers } from "./subscribers.ts";

/** For messages that still wait for the broker when the node leaves. */
const LAST_MESSAGES_MS = 2_000;

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
  const broker = await openBrokers(options, settings, { clock, random, closing });
  const { bus, log, store, cursors } = broker;
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
    await waitAtMost(clock, LAST_MESSAGES_MS, outbox.emptied());
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
    throw missingFace(broker, log === undefined ? "log" : "cursors", "at-least-once delivery");
  };
  // Without a word about shards, a broker that has no store does without them.
  const { shards = store === undefined ? false : {} } = options;
  const sharding = shards
    ? new Sharding({
        id,
        bus,
        store: requireFace(broker, "store", "shards"),
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
  bus.listen(listenerOf({ broker, logger, channels, sharding, presence, atLeastOnce }));
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
  const deliveries = (): Deliveries => mustHaveLog().deliveries;
  const shared = { deliveries, maxInFlight, clock, logger, stats };
  const subscribers = new Subscribers({ ...shared, channels, maxBytes: limits.bufferedBytes });
  closing.push(() => subscribers.close());
  return new Fleet({
    id,
    capabilities: capabilitiesOf(broker),
    channels,
    presence,
    joins: new Joins({ ...shared, channels, presence }),
    subscribers,
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
