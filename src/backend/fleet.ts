import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import type { Capability } from "./broker/broker.ts";
import { Channel, type ChannelHost } from "./channel.ts";
import { checkChannelName } from "./channel-name.ts";
import type { Channels } from "./channels.ts";
import { Connection, SUBPROTOCOL, type ConnectionHost, type SlowPolicy } from "./connection.ts";
import { Departing, SERVICE_RESTART } from "./departing.ts";
import { FleetError } from "./fleet-error.ts";
import type { FleetStats } from "./fleet-stats.ts";
import type { Joins } from "./joins.ts";
import type { Presence } from "./presence/presence.ts";
import { ClientAnswers, type Authorize } from "./protocol/client-answers.ts";
import { ClientDialogue } from "./protocol/client-dialogue.ts";
import { sessionOfToken } from "./protocol/session-token.ts";
import type { Publishing } from "./publishing.ts";
import type { Sharding } from "./sharding.ts";
import type { Shards } from "./shards/shards.ts";
import type { Subscribers } from "./subscribers.ts";

/** For clients that can't see the pings of WebSocket: see docs/protocol.md. */
const HEARTBEAT_MS = 25_000;

export interface ConnectionOptions {
  /**
   * Names the client across its connections; by default the token of a client that speaks
   * `ringway.v1`, the edge's `Ringway-Session`, or else a new one.
   */
  readonly session?: string;
  /** Whose connection it is, if you know. */
  readonly user?: string;
  /**
   * Whether a client that speaks `ringway.v1` may do what it asks for. Without it, it may do nothing
   * but hear what you join it to.
   */
  readonly authorize?: Authorize;
}

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
  readonly joins: Joins;
  readonly subscribers: Subscribers;
  readonly publishing: Publishing;
  readonly sharding: Sharding | undefined;
  readonly maxInFlight: number;
  readonly bufferedBytes: number;
  readonly slow: SlowPolicy;
  readonly stats: FleetStats;
  readonly logger: Logger;
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
    const { channels, presence, joins, publishing, subscribers, stats } = parts;
    this.#connectionHost = {
      bufferedBytes: parts.bufferedBytes,
      slow: parts.slow,
      join: (connection, channel, options) => joins.join(connection, channel, options),
      leave: (connection, channel) => joins.leave(connection, channel),
      delivered: (messages) => (stats.delivered += messages),
      dropped: (messages) => (stats.dropped += messages),
      closedSlow: (connection) => {
        stats.closedSlow++;
        channels.leaveAll(connection);
      },
    };
    this.#channelHost = {
      watches: presence.watches,
      publish: async (channel, data, options) => {
        this.#mustBeMember();
        await publishing.publish(channel, data, options);
      },
      subscribe: async (channel, subscriber) => {
        this.#mustBeMember();
        return subscribers.subscribe(channel, subscriber);
      },
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
   * Takes in a client's WebSocket, made by `ws` in whatever server. A node that leaves sends it on
   * with 1012.
   *
   * @param request the upgrade request that it came with: its TCP or TLS stream takes the messages
   */
  accept(socket: WebSocket, request: IncomingMessage, options: ConnectionOptions = {}): Connection {
    const { random, stats, joins } = this.#parts;
    const { user } = options;
    const isFramed = socket.protocol === SUBPROTOCOL;
    const token = isFramed ? sessionOfToken(request, user) : undefined;
    const named = request.headers["ringway-session"];
    const session = options.session ?? token ?? (typeof named === "string" ? named : random.uuid());
    const connection = new Connection(this.#connectionHost, { socket, request }, { session, user });
    if (socket.readyState === socket.CLOSED) return connection;
    if (this.#leaving !== undefined) {
      // Nobody has done anything wrong: upgrades under way end like the connections that are open.
      socket.close(SERVICE_RESTART, "This node is leaving. Connect again.");
      return connection;
    }
    this.#connections.add(connection);
    joins.accepted(connection);
    stats.connections++;
    socket.once("close", () => {
      this.#connections.delete(connection);
      stats.connections--;
      joins.closed(connection);
    });
    if (isFramed) this.#welcome(connection, options.authorize);
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

  #welcome(connection: Connection, authorize: Authorize | undefined): void {
    const { joins, presence, publishing, logger, maxInFlight } = this.#parts;
    const { session } = connection;
    const hello = { session, node: this.id, heartbeatMs: HEARTBEAT_MS, inFlight: maxInFlight };
    connection.tell({ type: "welcome", ...hello });
    const answers = new ClientAnswers({
      connection,
      joins,
      watches: presence.watches,
      authorize,
      logger,
      publish: async (message) => {
        this.#mustBeMember();
        return publishing.publishForClient(session, message);
      },
    });
    new ClientDialogue({ connection, joins, answers, logger });
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
