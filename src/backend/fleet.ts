import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import type { Capability } from "./broker/broker.ts";
import { Channel, type ChannelHost } from "./channel.ts";
import { checkChannelName } from "./channel-name.ts";
import type { Channels } from "./channels.ts";
import { Connection, type ConnectionHost, type ConnectionOptions } from "./connection.ts";
import { Departing } from "./departing.ts";
import type { Publishable } from "./envelope.ts";
import { FleetError } from "./fleet-error.ts";
import type { FleetStats } from "./fleet-stats.ts";
import type { SlowPolicy } from "./connection.ts";
import type { Subscriber } from "./local-channel.ts";
import type { Presence } from "./presence/presence.ts";
import type { Publisher } from "./publisher.ts";
import type { Sharding } from "./sharding.ts";
import type { Shards } from "./shards/shards.ts";

export interface LeaveOptions {
  /** How long clients may stay while the edge, or they themselves, move on; 0 by default. */
  readonly waitMs?: number;
  /** Over how long the others are closed with 1012, so that they do not come back all at once; 5 s. */
  readonly overMs?: number;
}

/** What a fleet is made of; each part is closed by `close`. */
export interface FleetParts {
  readonly id: string;
  readonly capabilities: readonly Capability[];
  readonly channels: Channels;
  readonly presence: Presence;
  readonly publisher: Publisher;
  readonly sharding: Sharding | undefined;
  readonly bufferedBytes: number;
  readonly slow: SlowPolicy;
  readonly stats: FleetStats;
  readonly clock: Clock;
  readonly random: Random;
  /** Tells the edge that no new client should come. */
  readonly announceDraining: () => Promise<void>;
  /** Frees all parts; what waits for the broker has a little time to leave. */
  readonly close: () => Promise<void>;
}

/** One node of a fleet: see `joinFleet`. Whoever joined leaves. */
export class Fleet implements AsyncDisposable {
  readonly id: string;
  /** What its broker, and its store, can do. */
  readonly capabilities: readonly Capability[];
  readonly #parts: FleetParts;
  readonly #connections = new Set<Connection>();
  readonly #connectionHost: ConnectionHost;
  readonly #channelHost: ChannelHost;
  #leaving: Promise<void> | undefined;

  constructor(parts: FleetParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.capabilities = parts.capabilities;
    const { channels, presence, stats, bufferedBytes, slow } = parts;
    this.#connectionHost = {
      bufferedBytes,
      slow,
      join: async (connection, channel, options) => {
        checkChannelName(channel);
        // A client may go while the application still finds out what it may join.
        const isHere = (): boolean => this.#connections.has(connection);
        if (isHere()) await channels.join(connection, channel);
        if (isHere() && options.presence !== undefined) {
          presence.join(connection, channel, options.presence);
        }
      },
      leave: (connection, channel) => {
        presence.leave(connection, channel);
        channels.leave(connection, channel);
      },
      delivered: (messages) => (stats.delivered += messages),
      dropped: (messages) => (stats.dropped += messages),
      closedSlow: (connection) => {
        stats.closedSlow++;
        channels.leaveAll(connection);
      },
    };
    this.#channelHost = {
      watches: presence.watches,
      publish: (channel, data, isSharded) => this.#publish(channel, data, isSharded),
      subscribe: async (channel, subscriber: Subscriber) => {
        this.#mustBeMember();
        await channels.subscribe(channel, subscriber);
      },
      unsubscribe: (channel, subscriber) => channels.unsubscribe(channel, subscriber),
    };
  }

  /** The connections of clients that this node has accepted and that are open. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** The ids of the nodes in the fleet, this one among them; empty without shards. */
  get members(): readonly string[] {
    return this.#parts.sharding?.members ?? [];
  }

  /** Who owns which channel. @throws FleetError `capability_missing` without shards */
  get shards(): Shards {
    return this.#sharding().channels;
  }

  /** Who owns which session. @throws FleetError `capability_missing` without shards */
  get connectionShards(): Shards {
    return this.#sharding().connections;
  }

  /**
   * Takes in a client's WebSocket, made by `ws` in whatever server.
   *
   * @param request the upgrade request that it came with: its TCP or TLS stream takes the messages
   */
  accept(socket: WebSocket, request: IncomingMessage, options: ConnectionOptions = {}): Connection {
    this.#mustBeMember();
    const { random, channels, presence, stats } = this.#parts;
    const named = request.headers["ringway-session"];
    const session = options.session ?? (typeof named === "string" ? named : random.uuid());
    const connection = new Connection(
      this.#connectionHost,
      { socket, request },
      { session, user: options.user },
    );
    if (socket.readyState === socket.CLOSED) return connection;
    this.#connections.add(connection);
    stats.connections++;
    socket.once("close", () => {
      this.#connections.delete(connection);
      stats.connections--;
      channels.leaveAll(connection);
      presence.closed(connection);
    });
    return connection;
  }

  /**
   * A channel by its name; `sharded`: its messages go through its owner, so that all subscribers see
   * them in one order.
   *
   * @throws FleetError `bad_channel_name`; `capability_missing` for a sharded one without shards
   */
  channel(name: string, { sharded = false }: { readonly sharded?: boolean } = {}): Channel {
    checkChannelName(name);
    if (sharded) this.#sharding();
    return new Channel(this.#channelHost, name, sharded);
  }

  /**
   * Drains and frees everything: the edge and the other nodes are told, what this node owns goes to
   * others, clients are closed with 1012, and what waits for the broker leaves. Calls after the first
   * wait for the same end.
   */
  leave(options: LeaveOptions = {}): Promise<void> {
    this.#leaving ??= this.#leave(options);
    return this.#leaving;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  async #leave({ waitMs = 0, overMs = 5_000 }: LeaveOptions): Promise<void> {
    const { sharding, clock, announceDraining, close } = this.#parts;
    await announceDraining();
    await sharding?.drain().catch(() => undefined); // its lease ends all the same
    await new Departing(this.#connections, clock).run({ waitMs, overMs });
    await close();
  }

  async #publish(channel: string, data: Publishable, isSharded: boolean): Promise<void> {
    this.#mustBeMember();
    const { publisher, sharding } = this.#parts;
    const { kind, body } = publisher.encode(channel, data);
    if (isSharded && sharding !== undefined) await sharding.routed.publish(channel, kind, body);
    else await publisher.publish(channel, kind, body);
  }

  #sharding(): Sharding {
    const { sharding } = this.#parts;
    if (sharding !== undefined) return sharding;
    throw new FleetError(
      "capability_missing",
      "this node has no shards: its broker has no store, or it joined with shards: false",
    );
  }

  #mustBeMember(): void {
    if (this.#leaving === undefined) return;
    throw new FleetError("fleet_left", `${this.id} is leaving the fleet, or has left it`);
  }
}
