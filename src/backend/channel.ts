import type { DeliveryGuarantee } from "./delivery/delivery-options.ts";
import type { Publishable } from "./envelope.ts";
import type { Gap, Message } from "./message.ts";
import { ChannelPresence } from "./presence/channel-presence.ts";
import type { Watches } from "./presence/watches.ts";

export interface PublishOptions {
  /** `at-most-once` by default. */
  readonly delivery?: DeliveryGuarantee;
  /**
   * Of a message that is delivered at least once: what is published again with the same key on the
   * same channel is the same message. 1 to 128 printable ASCII characters; a new one by default.
   */
  readonly key?: string;
}

export interface SubscribeOptions {
  /** Told of messages that have been missed. */
  readonly onGap?: (gap: Gap) => unknown;
  /** With `at-least-once` messages that are published so come from the log, as `session`. */
  readonly delivery?: DeliveryGuarantee;
  /**
   * At least once: names the subscriber, and so its place in the log. It has one at a time in the
   * whole fleet; the last that subscribes goes on where the one before stood.
   */
  readonly session?: string;
  /** At least once: how many messages are dealt with at the same time; 1, so that order is kept. */
  readonly concurrency?: number;
  /**
   * At least once: `auto` acknowledges a message when the function returns or its promise resolves,
   * and asks for it again when it fails; `manual` leaves that to `ack` and `nack`. `auto` by default.
   */
  readonly ack?: "auto" | "manual";
}

/** A server-side subscription, until it is ended. */
export interface Subscription {
  /** Resolves when its place in the log is kept. */
  end(): Promise<void>;
}

export interface ChannelSubscriber extends SubscribeOptions {
  readonly onMessage: (message: Message) => unknown;
}

/** What a channel asks of the node that it belongs to. */
export interface ChannelHost {
  readonly watches: Watches;
  publish(
    channel: string,
    data: Publishable,
    options: PublishOptions & { readonly isSharded: boolean },
  ): Promise<void>;
  subscribe(channel: string, subscriber: ChannelSubscriber): Promise<Subscription>;
}

/** A channel of the fleet by its name. It holds nothing, and any number may stand for one name. */
export class Channel {
  readonly name: string;
  /** Who is in it. */
  readonly presence: ChannelPresence;
  readonly #host: ChannelHost;
  readonly #isSharded: boolean;

  /** See `Fleet.channel`. */
  constructor(host: ChannelHost, name: string, isSharded: boolean) {
    this.#host = host;
    this.name = name;
    this.presence = new ChannelPresence(name, host.watches);
    this.#isSharded = isSharded;
  }

  /**
   * Sends a message to everybody who is subscribed now, on any node, at most once; subscribers of
   * this node get it before the call returns. With `delivery: "at-least-once"` it goes into the log
   * as well, and to all sessions that read it there, until each has settled it. A text or bytes go to
   * clients as they are, anything else as JSON.
   *
   * @returns resolves when the message is on its way (it waits while very many are), or in the log
   * @throws FleetError `queue_full` when too many messages wait for the broker already, `not_stored`
   *   when the log did not confirm it, `capability_missing` without a log, `message_too_big`,
   *   `bad_message`, `owner_away` for a sharded channel
   */
  publish(data: Publishable, options: PublishOptions = {}): Promise<void> {
    return this.#host.publish(this.name, data, { ...options, isSharded: this.#isSharded });
  }

  /**
   * Calls a function for each message, in the order of each publisher. At most once, it is not
   * waited for.
   *
   * @returns resolves when messages of other nodes arrive
   * @throws FleetError `bad_subscription` for options that make no sense
   */
  subscribe(
    onMessage: (message: Message) => unknown,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    return this.#host.subscribe(this.name, { ...options, onMessage });
  }
}
