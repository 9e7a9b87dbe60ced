/** The package's `ringway/backend`. */
export { announce, type Announcement, type AnnounceOptions } from "./announce.ts";
export type { Broker, Capability } from "./broker/broker.ts";
export type { Channel, SubscribeOptions, Subscription } from "./channel.ts";
export type { Connection, ConnectionOptions, JoinOptions, SlowPolicy } from "./connection.ts";
export type { Publishable } from "./envelope.ts";
export { FleetError, type FleetErrorCode } from "./fleet-error.ts";
export type { FleetLimits, FleetOptions, PresenceSettings } from "./fleet-options.ts";
export type { Fleet, LeaveOptions } from "./fleet.ts";
export { joinFleet } from "./join-fleet.ts";
export type { Gap, Message } from "./message.ts";
export type {
  ChannelPresence,
  MembersOptions,
  PresenceSubscription,
} from "./presence/channel-presence.ts";
export type { Member, MemberConnection, PresenceEvent } from "./presence/roster.ts";
export type { PresenceListener } from "./presence/watch.ts";
export type { ShardKind, ShardOptions } from "./shards/shard-options.ts";
export type { MovedKey, Shards } from "./shards/shards.ts";
