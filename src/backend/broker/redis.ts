import { Cluster } from "ioredis";
import { ConfigError } from "../../core/errors.ts";
import { RedisConnection } from "../../redis/connection.ts";
import { formatRedisUrl, parseRedisUrl, type RedisTarget } from "../../redis/redis-url.ts";
import { FleetError } from "../fleet-error.ts";
import type { Broker, BrokerContext } from "./broker.ts";
import { RedisBus } from "./redis-bus.ts";
import { RedisClusterSubscriber } from "./redis-cluster-subscriber.ts";
import { CURSOR_AGES } from "./cursors.ts";
import { RedisCursors } from "./redis-cursors.ts";
import { RedisLog } from "./redis-log.ts";
import { RedisStore } from "./redis-store.ts";
import { RedisSubscriber } from "./redis-subscriber.ts";

/** Redis 7: pub/sub, Streams and a hash; one server, behind Sentinels, or a Cluster. */
export async function openRedisBroker(url: string, context: BrokerContext): Promise<Broker> {
  const target = parseRedisUrl(url);
  if (typeof target === "string") {
    throw new ConfigError([{ file: "joinFleet", message: `broker: ${target}` }]);
  }
  const { namespace, clock, random, logger } = context;
  const publisher = connect(target, context);
  const bus = new RedisBus(publisher, `${namespace}:channel:`);
  const subscribe = (node: RedisTarget, events: Partial<SubscriberEvents>): RedisSubscriber =>
    new RedisSubscriber({
      connection: connect(node, context),
      isSharded: target.kind === "cluster",
      clock,
      onMessage: (key, payload) => bus.received(key, payload),
      onChange: events.onChange ?? (() => bus.changed()),
      onMoved: events.onMoved ?? (() => undefined),
    });
  const { client } = publisher;
  const subscriber =
    client instanceof Cluster
      ? new RedisClusterSubscriber({
          cluster: client,
          clock,
          connect: (node, events) => subscribe(nodeOf(target, node), events),
          onChange: () => bus.changed(),
          onError: (error) => logger.warn("channels are not placed", { cause: String(error) }),
        })
      : subscribe(target, {});
  bus.use(subscriber);
  const close = async (): Promise<void> => {
    await subscriber[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
  };
  const name = formatRedisUrl(target);
  await publisher.tried();
  if (subscriber instanceof RedisSubscriber) await subscriber.subscribe([]);
  if (client.status !== "ready") {
    await close();
    throw new FleetError("broker_away", `${name} can't be reached: is it up, and the URL right?`);
  }
  return {
    name,
    bus,
    log: new RedisLog(publisher, `${namespace}:log:`, { retention: context.retention, random }),
    store: new RedisStore(publisher, `${namespace}:store`, random),
    cursors: new RedisCursors(publisher, `${namespace}:cursor:`, {
      keptMs: context.retention.ageMs * CURSOR_AGES,
      random,
    }),
    missing: {},
    [Symbol.asyncDispose]: close,
  };
}

interface SubscriberEvents {
  readonly onChange: () => void;
  readonly onMoved: () => void;
}

function connect(target: RedisTarget, context: BrokerContext): RedisConnection {
  const { ca, password, logger, random, clock } = context;
  return new RedisConnection({ target, ca, password, logger, random, clock });
}

/** One node of a Cluster, reached as the Cluster is. @param address `host:port` */
function nodeOf(target: RedisTarget, address: string): RedisTarget {
  const colon = address.lastIndexOf(":");
  const node = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  return { ...target, kind: "single", nodes: [node] };
}
