/** The package's `ringway/backend`. */
export { announce, type Announcement, type AnnounceOptions } from "./announce.ts";
export type { Broker, Capability } from "./broker/broker.ts";
export type { Channel, PublishOptions, SubscribeOptions, Subscription } from "./channel.ts";
export type { Connection, JoinOptions, SlowPolicy } from "./connection.ts";
export type { DeadLetter } from "./delivery/dead-letter.ts";
export type { DeliveryGuarantee, DeliverySettings } from "./delivery/delivery-options.ts";
export type { Publishable } from "./envelope.ts";
export { FleetError, type FleetErrorCode } from "./fleet-error.ts";
export type { FleetLimits, FleetOptions, PresenceSettings } from "./fleet-options.ts";
export type { ConnectionOptions, Fleet, LeaveOptions } from "./fleet.ts";
export { joinFleet } from "./join-fleet.ts";
export type { Gap, Message, NackOptions } from "./message.ts";
export type {
  ChannelPresence,
  MembersOptions,
  PresenceSubscription,
} from "./presence/channel-presence.ts";
export type { Member, MemberConnection, PresenceEvent } from "./presence/roster.ts";
export type { PresenceListener } from "./presence/watch.ts";
export type { Authorize, ClientAsk } from "./protocol/client-answers.ts";
export type { ShardKind, ShardOptions } from "./shards/shard-options.ts";
export type { MovedKey, Shards } from "./shards/shards.ts";
