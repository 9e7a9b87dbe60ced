import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import { waitAtMost } from "../core/wait-at-most.ts";
import type { ChannelSubscriber, Subscription } from "./channel.ts";
import type { Channels } from "./channels.ts";
import type { Deliveries } from "./delivery/deliveries.ts";
import { SubscriberTarget } from "./delivery/subscriber-target.ts";
import { FleetError } from "./fleet-error.ts";
import type { FleetStats } from "./fleet-stats.ts";

const MAX_NAME = 128;
/** For messages that are being dealt with when the node leaves. */
const LAST_MESSAGES_MS = 5_000;

export interface SubscribersOptions {
  readonly channels: Channels;
  /** @throws FleetError `capability_missing` */
  readonly deliveries: () => Deliveries;
  readonly maxInFlight: number;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: FleetStats;
}

/** Functions of this process that get the messages of channels. */
export class Subscribers {
  readonly #options: SubscribersOptions;
  /** Those that read logs. */
  readonly #open = new Set<Subscription>();

  constructor(options: SubscribersOptions) {
    this.#options = options;
  }

  /** @throws FleetError `bad_subscription`, `capability_missing`; Error when the broker refuses */
  async subscribe(channel: string, subscriber: ChannelSubscriber): Promise<Subscription> {
    const { onMessage, onGap, delivery = "at-most-once" } = subscriber;
    const { channels } = this.#options;
    if (delivery === "at-least-once") return this.#subscribeToLog(channel, subscriber);
    const local = { onMessage, onGap, readsLog: false };
    await channels.subscribe(channel, local);
    return {
      end: () => {
        channels.unsubscribe(channel, local);
        return Promise.resolve();
      },
    };
  }

  /** Those that read logs may end what they are dealing with, for a time. */
  async close(): Promise<void> {
    const ends = Promise.all([...this.#open].map((subscription) => subscription.end()));
    await waitAtMost(this.#options.clock, LAST_MESSAGES_MS, ends);
  }

  async #subscribeToLog(channel: string, subscriber: ChannelSubscriber): Promise<Subscription> {
    const { channels, deliveries, ...shared } = this.#options;
    const { onMessage, onGap, session = "", concurrency = 1, ack = "auto" } = subscriber;
    if (session === "" || session.length > MAX_NAME) {
      throw bad(`session must name the subscriber, in 1 to ${MAX_NAME} characters`);
    }
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw bad("concurrency must be a whole number above 0");
    }
    const sessions = deliveries();
    const local = { onMessage, onGap, readsLog: true };
    const target = new SubscriberTarget({
      ...shared,
      subscriber: { channel, onMessage, onGap, concurrency, isManual: ack === "manual" },
      onReplaced: () => channels.unsubscribe(channel, local),
    });
    await channels.subscribe(channel, local);
    try {
      // No session of a client is called like this.
      const opened = await sessions.open({ channel, session: `subscriber:${session}`, target });
      target.use(opened.consumer);
      opened.consumer.wake();
      const subscription = {
        end: async () => {
          this.#open.delete(subscription);
          channels.unsubscribe(channel, local);
          await target.stop();
          await opened.close();
        },
      };
      this.#open.add(subscription);
      return subscription;
    } catch (error) {
      channels.unsubscribe(channel, local);
      throw error;
    }
  }
}

function bad(what: string): FleetError {
  return new FleetError("bad_subscription", `delivery "at-least-once": ${what}`);
}
