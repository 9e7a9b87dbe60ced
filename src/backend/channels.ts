import type { Clock } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Bus } from "./broker/bus.ts";
import { checkChannelName } from "./channel-name.ts";
import type { Connection } from "./connection.ts";
import { decodeEnvelope, messageId, type Envelope } from "./envelope.ts";
import { FanOut } from "./fan-out.ts";
import type { FleetStats } from "./fleet-stats.ts";
import { LocalChannel, type Subscriber } from "./local-channel.ts";
import { Message, type Gap } from "./message.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface ChannelsOptions {
  readonly bus: Bus;
  /** Of this node, as its envelopes carry it. */
  readonly origin: string;
  readonly graceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: FleetStats;
  /** Something was appended to the log of a channel. */
  readonly onLogged: (channel: string) => void;
}

/** The channels that are heard at this node: who hears them, and what goes to whom. */
export class Channels {
  readonly #options: ChannelsOptions;
  readonly #local = new Map<string, LocalChannel>();
  readonly #subscriptions: Subscriptions;
  readonly #fanOut: FanOut;
  #interruptedMs: number | undefined;

  constructor(options: ChannelsOptions) {
    this.#options = options;
    const { bus, clock, graceMs, logger } = options;
    this.#fanOut = new FanOut(clock);
    this.#subscriptions = new Subscriptions({
      bus,
      graceMs,
      clock,
      onEnd: (name) => this.#local.delete(name),
      onError: (error) => logger.warn("not unsubscribed", { cause: describeError(error) }),
    });
  }

  /** Channels that the broker sends here. */
  get size(): number {
    return this.#subscriptions.size;
  }

  get isInterrupted(): boolean {
    return this.#interruptedMs !== undefined;
  }

  /** @param readsLog what is kept in the log comes to it from there */
  async join(connection: Connection, name: string, readsLog = false): Promise<void> {
    const channel = this.#channelOf(name);
    const audience = channel.audienceOf(connection);
    if (audience?.readsLog !== readsLog) {
      this.#fanOut.flush(channel);
      if (audience !== undefined) channel.delete(connection);
      else this.#options.stats.memberships++;
      channel.add(connection, readsLog);
      connection.channels.add(channel.name);
    }
    await this.#wait(channel, () => this.#part(connection, channel));
  }

  leave(connection: Connection, name: string): void {
    const channel = this.#local.get(name);
    if (channel !== undefined) this.#part(connection, channel);
  }

  leaveAll(connection: Connection): void {
    for (const name of connection.channels) this.leave(connection, name);
  }

  async subscribe(name: string, subscriber: Subscriber): Promise<void> {
    const channel = this.#channelOf(name);
    channel.subscribers ??= new Set();
    channel.subscribers.add(subscriber);
    await this.#wait(channel, () => this.unsubscribe(name, subscriber));
  }

  unsubscribe(name: string, subscriber: Subscriber): void {
    const channel = this.#local.get(name);
    if (channel?.subscribers?.delete(subscriber) === true) this.#releaseIfUnheard(channel);
  }

  /** To all who hear it at this node. */
  deliver(envelope: Envelope): void {
    const channel = this.#local.get(envelope.channel);
    if (channel !== undefined) this.#deliverTo(channel, envelope);
  }

  /** From the broker. */
  receive(name: string, payload: Buffer): void {
    const { stats, origin } = this.#options;
    const envelope = decodeEnvelope(payload);
    if (envelope?.channel !== name) {
      stats.malformed++;
      return;
    }
    if (envelope.origin === origin) return;
    const channel = this.#local.get(name);
    if (channel === undefined) return;
    const missed = channel.arrivals.take(envelope);
    if (missed === undefined) {
      stats.duplicates++;
      return;
    }
    stats.received++;
    if (missed > 0) {
      stats.missed += missed;
      this.#tell(channel, { channel: name, reason: "missed", count: missed });
    }
    // What was missed may have been told of something, too.
    if (missed > 0 || envelope.loggedId !== "") this.#options.onLogged(name);
    this.#deliverTo(channel, envelope);
  }

  interrupted(): void {
    if (this.#interruptedMs !== undefined) return;
    this.#interruptedMs = this.#options.clock.nowMs();
    this.#options.stats.interruptions++;
  }

  restored(): void {
    if (this.#interruptedMs === undefined) return;
    const awayMs = Math.round(this.#options.clock.nowMs() - this.#interruptedMs);
    this.#interruptedMs = undefined;
    for (const channel of this.#local.values()) {
      if (channel.subscribers === undefined) continue;
      this.#tell(channel, { channel: channel.name, reason: "interrupted", awayMs });
    }
  }

  close(): void {
    for (const channel of this.#local.values()) this.#fanOut.flush(channel);
    this.#subscriptions.close();
    this.#local.clear();
  }

  #channelOf(name: string): LocalChannel {
    const known = this.#local.get(name);
    if (known !== undefined) return known;
    checkChannelName(name);
    const channel = new LocalChannel(name);
    this.#local.set(name, channel);
    return channel;
  }

  async #wait(channel: LocalChannel, undo: () => void): Promise<void> {
    const pending = this.#subscriptions.want(channel.name);
    if (pending === undefined) return;
    try {
      await pending;
    } catch (error) {
      undo();
      if (!channel.isHeard) this.#local.delete(channel.name);
      throw error;
    }
  }

  #part(connection: Connection, channel: LocalChannel): void {
    this.#fanOut.flush(channel);
    if (!channel.delete(connection)) return;
    connection.channels.delete(channel.name);
    this.#options.stats.memberships--;
    this.#releaseIfUnheard(channel);
  }

  #releaseIfUnheard(channel: LocalChannel): void {
    if (!channel.isHeard) this.#subscriptions.release(channel.name);
  }

  #deliverTo(channel: LocalChannel, envelope: Envelope): void {
    if (channel.audiences.length > 0) this.#fanOut.add(channel, envelope);
    if (channel.subscribers === undefined) return;
    const message = new Message({ ...envelope, id: messageId(envelope) });
    for (const { onMessage, readsLog } of channel.subscribers) {
      if (readsLog && envelope.loggedId !== "") continue;
      this.#options.stats.delivered++;
      this.#call(channel, () => onMessage(message));
    }
  }

  #tell(channel: LocalChannel, gap: Gap): void {
    for (const { onGap } of channel.subscribers ?? []) this.#call(channel, () => onGap?.(gap));
  }

  /** A subscriber that fails harms nobody else. */
  #call({ name }: LocalChannel, run: () => unknown): void {
    const failed = (error: unknown): void => {
      this.#options.stats.subscriberErrors++;
      const cause = describeError(error);
      this.#options.logger.error("a subscriber failed", { channel: name, cause });
    };
    try {
      const result = run();
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
