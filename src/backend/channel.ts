import type { Publishable } from "./envelope.ts";
import type { Subscriber } from "./local-channel.ts";
import type { Gap, Message } from "./message.ts";
import { ChannelPresence } from "./presence/channel-presence.ts";
import type { Watches } from "./presence/watches.ts";

/** What a channel asks of the node that it belongs to. */
export interface ChannelHost {
  readonly watches: Watches;
  publish(channel: string, data: Publishable, isSharded: boolean): Promise<void>;
  subscribe(channel: string, subscriber: Subscriber): Promise<void>;
  unsubscribe(channel: string, subscriber: Subscriber): void;
}

export interface SubscribeOptions {
  /** Told of messages that this node has missed. */
  readonly onGap?: (gap: Gap) => unknown;
}

/** A server-side subscription, until it is ended. */
export interface Subscription {
  end(): void;
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
   * Sends a message to everybody who is subscribed now, on any node, at most once. Subscribers of
   * this node get it before the call returns. A text or bytes go to clients as they are, anything
   * else as JSON.
   *
   * @returns resolves when the message is on its way; it waits while very many are
   * @throws FleetError `queue_full` when too many messages wait for the broker already,
   *   `message_too_big`, `bad_message`, `owner_away` for a sharded channel
   */
  publish(data: Publishable): Promise<void> {
    return this.#host.publish(this.name, data, this.#isSharded);
  }

  /**
   * Calls a function for each message, in the order of each publisher. It is not waited for.
   *
   * @returns resolves when messages of other nodes arrive
   */
  async subscribe(
    onMessage: (message: Message) => unknown,
    { onGap }: SubscribeOptions = {},
  ): Promise<Subscription> {
    const subscriber = { onMessage, onGap };
    await this.#host.subscribe(this.name, subscriber);
    return { end: () => this.#host.unsubscribe(this.name, subscriber) };
  }
}
