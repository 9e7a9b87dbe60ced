/** The package's `ringway/client`. */
export type { ChannelEvents } from "./channel-events.ts";
export type { Channel, JoinOptions, MembersOptions, PublishOptions } from "./channel.ts";
export { RingwayClientError } from "./client-error.ts";
export type { Client, ClientEvents, Opening } from "./client.ts";
export { connect, type ConnectOptions } from "./connect.ts";
export type { Publishable } from "./content.ts";
export type { Closing, LinkState } from "./link.ts";
export type { Message } from "./message.ts";
export type { NackOptions } from "./settlements.ts";
export type { Delivery, Gap, Member, Place, PresenceEvent } from "./types.ts";
export type { WebSocketConstructor, WebSocketLike } from "./web-socket.ts";
