import type { Registry } from "prom-client";
import { ConfigError, describeError } from "../core/errors.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import type { Broker, Capability } from "./broker/broker.ts";
import { checkChannelName, MAX_CHANNEL_NAME } from "./channel-name.ts";
import type { SlowPolicy } from "./connection.ts";
import type { AnnounceOptions } from "./announce.ts";
import { defaultDelivery, type DeliverySettings } from "./delivery/delivery-options.ts";
import type { ShardOptions } from "./shards/shard-options.ts";

export interface FleetLimits {
  /** Bytes that may wait for one client to read; 1 MiB by default. */
  readonly bufferedBytes?: number;
  /** Of one message; 512 KiB by default. Brokers have limits of their own: NATS takes 1 MiB. */
  readonly messageBytes?: number;
  /** Messages that may wait for the broker; 10,000 by default. */
  readonly queuedMessages?: number;
  /** 32 MiB by default. */
  readonly queuedBytes?: number;
}

export interface PresenceSettings {
  /** How long a member whose connections have closed is still there; 10 s by default. */
  readonly graceMs?: number;
  /** Within which the members of a node that was killed have left; 10 s by default. */
  readonly leaseMs?: number;
}

export interface FleetOptions {
  /** Of this node: the same after each restart, and no other node's. */
  readonly id: string;
  /**
   * `memory:`, `redis://`, `redis+sentinel://`, `redis+cluster://`, `nats://` or `kafka://`, with
   * TLS `rediss…://`, `nats+tls://` and `kafka+tls://`; or a broker that you open and close.
   */
  readonly broker: string | Broker;
  /** Where the fleet keeps who is a member, when the broker can't: another broker's URL. */
  readonly store?: string | Broker;
  /** Fleets with different ones do not hear each other; `ringway` by default. */
  readonly namespace?: string;
  /** In place of a password in the URL. */
  readonly password?: string;
  /** PEM certificates that TLS brokers are verified against; the system's when absent. */
  readonly ca?: string;
  /** What the broker must have: joining fails if it has not. */
  readonly requires?: readonly Capability[];
  /** Makes the edge's `discovery.redis` find this node. `redis` is the broker's URL by default. */
  readonly announce?: Omit<AnnounceOptions, "id" | "redis" | "logger"> & {
    readonly redis?: string;
  };
  /** Who owns which channel; by hash when absent. `false`: nobody owns any. */
  readonly shards?: ShardOptions | false;
  readonly presence?: PresenceSettings;
  readonly delivery?: DeliverySettings;
  readonly limits?: FleetLimits;
  /** What becomes of a client that does not read: it misses messages, or is closed with 1013. */
  readonly slow?: SlowPolicy;
  /** How long a channel is still heard after its last local subscriber left; 5 s by default. */
  readonly graceMs?: number;
  /** How long a log keeps messages, where the broker has one: 10,000 a channel, and a day. */
  readonly retention?: { readonly messages?: number; readonly ageMs?: number };
  /** `ringway_fleet_` metrics are registered there. */
  readonly metrics?: Registry;
  /** Silent by default. */
  readonly logger?: Logger;
}

const MiB = 2 ** 20;
const DAY_MS = 86_400_000;

/** With defaults, checked. */
export interface FleetSettings {
  readonly id: string;
  readonly namespace: string;
  readonly limits: Required<FleetLimits>;
  readonly slow: SlowPolicy;
  readonly graceMs: number;
  readonly presence: Required<PresenceSettings>;
  readonly delivery: Required<DeliverySettings>;
  readonly retention: { readonly messages: number; readonly ageMs: number };
  readonly logger: Logger;
}

/** @throws ConfigError that names each option that can't be used */
export function fleetSettings(options: FleetOptions): FleetSettings {
  const { id, namespace = "ringway", slow = "drop", graceMs = 5_000, retention = {} } = options;
  const settings = {
    id,
    namespace,
    slow,
    graceMs,
    limits: {
      bufferedBytes: MiB,
      messageBytes: MiB / 2,
      queuedMessages: 10_000,
      queuedBytes: 32 * MiB,
      ...options.limits,
    },
    presence: { graceMs: 10_000, leaseMs: 10_000, ...options.presence },
    delivery: { ...defaultDelivery, ...options.delivery },
    retention: { messages: 10_000, ageMs: DAY_MS, ...retention },
    logger: options.logger ?? silentLogger,
  };
  const { deadLetters, ...deliveryCounts } = settings.delivery;
  const problems = [
    ...idProblems("id", id),
    ...idProblems("namespace", namespace),
    ...(["drop", "close"].includes(slow) ? [] : [`slow: must be "drop" or "close"`]),
    ...(graceMs >= 0 ? [] : ["graceMs: must be 0 or more milliseconds"]),
    ...countProblems("presence", settings.presence),
    ...countProblems("delivery", deliveryCounts),
    ...nameProblems("delivery.deadLetters", deadLetters),
    ...countProblems("limits", settings.limits),
    ...countProblems("retention", settings.retention),
  ];
  if (problems.length > 0) {
    throw new ConfigError(problems.map((message) => ({ file: "joinFleet", message })));
  }
  return settings;
}

function idProblems(name: string, value: string): string[] {
  if (/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(value) && value.length < MAX_CHANNEL_NAME) return [];
  return [`${name}: must be 1 to ${MAX_CHANNEL_NAME - 1} of A-Z a-z 0-9 _ . : -`];
}

function nameProblems(name: string, channel: string): string[] {
  try {
    checkChannelName(channel);
    return [];
  } catch (error) {
    return [`${name}: ${describeError(error)}`];
  }
}

function countProblems(name: string, counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts)
    .filter(([, count]) => !(Number.isSafeInteger(count) && count > 0))
    .map(([key]) => `${name}.${key}: must be a whole number above 0`);
}
