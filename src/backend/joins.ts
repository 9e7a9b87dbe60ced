import type { Clock } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { checkChannelName } from "./channel-name.ts";
import type { Channels } from "./channels.ts";
import type { Connection, JoinOptions } from "./connection.ts";
import { ConnectionTarget } from "./delivery/connection-target.ts";
import type { Consumer } from "./delivery/consumer.ts";
import type { Deliveries, OpenedDelivery } from "./delivery/deliveries.ts";
import type { FleetStats } from "./fleet-stats.ts";
import { Liveness } from "./liveness.ts";
import type { Presence } from "./presence/presence.ts";

export interface JoinsOptions {
  readonly channels: Channels;
  readonly presence: Presence;
  /** @throws FleetError `capability_missing` */
  readonly deliveries: () => Deliveries;
  readonly maxInFlight: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: FleetStats;
}

/** What a connection has joined at least once. */
interface Held {
  readonly liveness: Liveness;
  /** By channel. Opening one takes a moment. */
  readonly opened: Map<string, Promise<OpenedDelivery>>;
  readonly consumers: Map<string, Consumer>;
}

/** Which connections are in which channels: as hearers, as members, and as sessions that read the log. */
export class Joins {
  readonly #options: JoinsOptions;
  readonly #held = new Map<Connection, Held>();
  readonly #here = new Set<Connection>();

  constructor(options: JoinsOptions) {
    this.#options = options;
  }

  accepted(connection: Connection): void {
    this.#here.add(connection);
  }

  /** Its session's places are kept, and its members stay for the grace time. */
  closed(connection: Connection): void {
    const { channels, presence } = this.#options;
    this.#here.delete(connection);
    channels.leaveAll(connection);
    presence.closed(connection);
    for (const name of this.#held.get(connection)?.opened.keys() ?? []) {
      this.#close(connection, name, false);
    }
  }

  /**
   * @param re the request of the client that this answers
   * @throws see `Connection.join`
   */
  async join(
    connection: Connection,
    channel: string,
    { presence, delivery = "at-most-once", re }: JoinOptions & { readonly re?: number },
  ): Promise<void> {
    checkChannelName(channel);
    // A client may go while the application still finds out what it may join.
    const isHere = (): boolean => this.#here.has(connection);
    if (!isHere()) return;
    const readsLog = delivery === "at-least-once";
    const { channels } = this.#options;
    if (readsLog) this.#options.deliveries(); // it may be missing: then nothing is joined
    await channels.join(connection, channel, readsLog);
    if (!isHere()) return;
    let opened: OpenedDelivery | undefined;
    try {
      if (readsLog) opened = await this.#open(connection, channel);
      else this.#close(connection, channel, true);
      if (!isHere()) return;
      if (presence !== undefined) this.#options.presence.join(connection, channel, presence);
    } catch (error) {
      if (readsLog && opened === undefined) channels.leave(connection, channel);
      throw error;
    }
    if (connection.isFramed) {
      const answer = re === undefined ? {} : { re };
      const place = opened && { ...opened.position, isNew: opened.isNew };
      connection.tell({ type: "joined", ...answer, channel, delivery, ...place });
    }
    opened?.consumer.wake();
  }

  /** On purpose. */
  leave(connection: Connection, channel: string): void {
    const { presence, channels } = this.#options;
    presence.leave(connection, channel);
    channels.leave(connection, channel);
    this.#close(connection, channel, true);
  }

  /** What settles a client's messages of a channel; undefined when it is not in it at least once. */
  consumerOf(connection: Connection, channel: string): Consumer | undefined {
    return this.#held.get(connection)?.consumers.get(channel);
  }

  #open(connection: Connection, channel: string): Promise<OpenedDelivery> {
    const held = this.#heldOf(connection);
    const known = held.opened.get(channel);
    if (known !== undefined) return known.then((opened) => ({ ...opened, isNew: false }));
    const { deliveries, maxInFlight, stats } = this.#options;
    const target = new ConnectionTarget(connection, {
      channel,
      maxInFlight,
      stats,
      onWritten: (messages) => {
        for (const { position } of messages) {
          held.consumers.get(channel)?.ack([position.offset], position.epoch);
        }
      },
      isHeardSince: (ms) => !connection.isFramed || held.liveness.isHeardSince(ms),
    });
    const { session } = connection;
    const opening = deliveries().open({ channel, session, target });
    held.opened.set(channel, opening);
    opening.then(
      ({ consumer }) => {
        if (held.opened.get(channel) === opening) held.consumers.set(channel, consumer);
      },
      () => this.#forget(connection, channel),
    );
    return opening;
  }

  #close(connection: Connection, channel: string, isLeaving: boolean): void {
    const opening = this.#held.get(connection)?.opened.get(channel);
    this.#forget(connection, channel);
    opening
      ?.then((opened) => opened.close(isLeaving))
      .catch((error: unknown) => {
        const cause = describeError(error);
        this.#options.logger.warn("a session's place was not kept", { channel, cause });
      });
  }

  #forget(connection: Connection, channel: string): void {
    const held = this.#held.get(connection);
    held?.opened.delete(channel);
    held?.consumers.delete(channel);
    if (held?.opened.size === 0 && !this.#here.has(connection)) this.#held.delete(connection);
  }

  #heldOf(connection: Connection): Held {
    let held = this.#held.get(connection);
    if (held === undefined) {
      const liveness = new Liveness(connection, this.#options.clock);
      held = { liveness, opened: new Map(), consumers: new Map() };
      this.#held.set(connection, held);
    }
    return held;
  }
}
