import { Counter, Gauge, type Registry } from "prom-client";
import type { FleetStats } from "./fleet-stats.ts";

/** What is read when Prometheus asks. */
export interface FleetReadings {
  readonly stats: FleetStats;
  readonly channels: () => number;
  readonly isBrokerUp: () => boolean;
  readonly queuedMessages: () => number;
  readonly queuedBytes: () => number;
  readonly members: () => number;
  readonly epoch: () => number;
  readonly present: () => number;
  readonly watched: () => number;
  readonly sessions: () => number;
  readonly unsettled: () => number;
}

const counters = {
  messages_published_total: ["Messages published by this node", "published"],
  messages_refused_total: ["Publishes refused because too many waited for the broker", "refused"],
  messages_received_total: ["Messages that came from other nodes", "received"],
  messages_delivered_total: ["Messages given to a client or a server-side subscriber", "delivered"],
  messages_dropped_total: ["Deliveries left out because a client read too slowly", "dropped"],
  messages_duplicate_total: ["Messages that arrived once more and were passed over", "duplicates"],
  messages_missed_total: ["Messages of other nodes that never came", "missed"],
  messages_lost_total: ["Messages that still waited for the broker when the node left", "lost"],
  messages_malformed_total: ["What came from the broker and is no message", "malformed"],
  slow_closes_total: ["Connections closed because they read too slowly", "closedSlow"],
  subscriber_errors_total: ["Errors thrown by server-side subscribers", "subscriberErrors"],
  messages_stored_total: ["Messages that the log has confirmed to this node", "stored"],
  messages_redelivered_total: ["Messages sent to a session once more", "redelivered"],
  messages_acknowledged_total: ["Messages that sessions have settled", "acknowledged"],
  messages_nacked_total: ["Messages that their receivers want again later", "refusedByReceivers"],
  messages_dead_total: ["Messages put aside because they were delivered too often", "deadLetters"],
  log_gaps_total: ["Sessions that came later than the log keeps messages", "logGaps"],
  sessions_taken_total: ["Sessions that went on elsewhere while they were here", "sessionsTaken"],
  presence_leases_ended_total: ["Nodes whose members left with their lease", "presenceLeasesEnded"],
  broker_interruptions_total: ["Times that the broker went away", "interruptions"],
} as const satisfies Record<string, readonly [help: string, field: keyof FleetStats]>;

/**
 * Registers this node's metrics. They are read when somebody asks for them, and cost nothing before.
 *
 * @returns takes them out of the registry again
 */
export function exposeMetrics(registry: Registry, readings: FleetReadings): () => void {
  const { stats } = readings;
  const names: string[] = [];
  for (const [short, [help, field]] of Object.entries(counters)) {
    const name = `ringway_fleet_${short}`;
    names.push(name);
    new Counter({
      name,
      help: `${help}.`,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(stats[field]);
      },
    });
  }
  const gauges: Record<string, readonly [help: string, read: () => number]> = {
    connections: ["Connections of clients at this node", () => stats.connections],
    memberships: ["Connections in channels, each channel counted", () => stats.memberships],
    channels: ["Channels that the broker sends to this node", readings.channels],
    broker_up: ["1 while the broker takes and sends messages", () => Number(readings.isBrokerUp())],
    queued_messages: ["Messages that wait for the broker", readings.queuedMessages],
    queued_bytes: ["Bytes of messages that wait for the broker", readings.queuedBytes],
    present: ["Connections that are members, each channel counted", readings.present],
    presence_channels: ["Channels whose members this node keeps", readings.watched],
    sessions: ["Sessions that read logs, each channel counted", readings.sessions],
    unsettled: ["Messages that sessions have to settle", readings.unsettled],
    members: ["Nodes in the fleet; 0 without shards", readings.members],
    shard_epoch: ["Counts changes of membership and shard tables", readings.epoch],
  };
  for (const [short, [help, read]] of Object.entries(gauges)) {
    const name = `ringway_fleet_${short}`;
    names.push(name);
    new Gauge({
      name,
      help: `${help}.`,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  }
  return () => {
    for (const name of names) registry.removeSingleMetric(name);
  };
}
