import { ConfigError } from "../../core/errors.ts";
import type { Broker, BrokerContext, OpenBroker } from "./broker.ts";
import { openKafka } from "./kafka.ts";
import { openMemory } from "./memory.ts";
import { openNats } from "./nats.ts";
import { openRedisBroker } from "./redis.ts";

/** By scheme: a new broker is one file and one line here. */
const brokers: Readonly<Record<string, OpenBroker>> = {
  memory: openMemory,
  redis: openRedisBroker,
  rediss: openRedisBroker,
  "redis+sentinel": openRedisBroker,
  "rediss+sentinel": openRedisBroker,
  "redis+cluster": openRedisBroker,
  "rediss+cluster": openRedisBroker,
  nats: openNats,
  "nats+tls": openNats,
  kafka: openKafka,
  "kafka+tls": openKafka,
};

/**
 * Opens the broker that a URL names.
 *
 * @throws ConfigError when there is none for the URL; FleetError `broker_away` when it can't be
 *   reached, `package_missing` when its client is not installed
 */
export async function openBroker(url: string, context: BrokerContext): Promise<Broker> {
  const scheme = /^([a-z+]+):/.exec(url)?.[1] ?? "";
  const open = Object.hasOwn(brokers, scheme) ? brokers[scheme] : undefined;
  if (open === undefined) {
    const known = Object.keys(brokers).map((name) => `${name}:`);
    throw brokerUrlError(`must begin with one of ${known.join(", ")}`);
  }
  return open(url, context);
}

/** @param message says what is wrong without quoting the URL, which may hold a password */
function brokerUrlError(message: string): ConfigError {
  return new ConfigError([{ file: "joinFleet", message: `broker: ${message}` }]);
}
