import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Connection } from "../connection.ts";
import type { DeliveryGuarantee } from "../delivery/delivery-options.ts";
import type { Publishable } from "../envelope.ts";
import type { Joins } from "../joins.ts";
import { ChannelPresence } from "../presence/channel-presence.ts";
import type { Watches } from "../presence/watches.ts";
import type { ClientMessage } from "../publishing.ts";
import type { ClientRequest, MembersRequest, PublishRequest } from "./messages.ts";
import { memberFields, PresenceWatcher } from "./presence-watcher.ts";

/** What a client asks for, for the application to allow or not. */
export interface ClientAsk {
  readonly action: "join" | "publish" | "members" | "watch";
  readonly channel: string;
  readonly connection: Connection;
  /** Of `join` and `publish`. */
  readonly delivery?: DeliveryGuarantee;
  /** What the client wants to be told of as a member. */
  readonly presence?: unknown;
  /** Of `publish`: what the client sends. */
  readonly data?: Publishable;
}

export type Authorize = (ask: ClientAsk) => boolean | Promise<boolean>;

export interface ClientAnswersOptions {
  readonly connection: Connection;
  readonly joins: Joins;
  readonly watches: Watches;
  /** Without one nothing is allowed. */
  readonly authorize: Authorize | undefined;
  readonly logger: Logger;
  /** @returns the id of the message */
  readonly publish: (message: ClientMessage) => Promise<string>;
}

/** Does what a client asks for, and says so. */
export class ClientAnswers {
  readonly #options: ClientAnswersOptions;
  readonly #watcher: PresenceWatcher;

  constructor(options: ClientAnswersOptions) {
    this.#options = options;
    this.#watcher = new PresenceWatcher(options.connection, options.watches);
  }

  async isAllowed(request: ClientRequest): Promise<boolean> {
    const { authorize, connection, logger } = this.#options;
    const { type, channel } = request;
    if (type === "leave" || type === "unwatch") return true;
    if (authorize === undefined) return false;
    const ask = {
      action: type,
      channel,
      connection,
      ...((type === "join" || type === "publish") && { delivery: request.delivery }),
      ...(type === "join" && { presence: request.presence }),
      ...(type === "publish" && { data: dataOf(request) }),
    };
    try {
      return await authorize(ask);
    } catch (error) {
      logger.error("authorize failed", { action: type, channel, cause: describeError(error) });
      return false;
    }
  }

  /** @throws FleetError, or Error when the broker refuses */
  async answer(request: ClientRequest): Promise<void> {
    const { connection, joins, publish } = this.#options;
    const { channel, n: re } = request;
    switch (request.type) {
      case "join":
        await joins.join(connection, channel, { ...request, re });
        return;
      case "leave":
        joins.leave(connection, channel);
        connection.tell({ type: "left", re, channel });
        return;
      case "publish": {
        const { delivery, key, again: isAgain } = request;
        const id = await publish({ channel, data: dataOf(request), delivery, key, isAgain });
        connection.tell({ type: "published", re, id });
        return;
      }
      case "members":
        await this.#members(request);
        return;
      case "watch":
        await this.#watcher.watch(channel);
        connection.tell({ type: "watching", re, channel });
        return;
      case "unwatch":
        this.#watcher.unwatch(channel);
        connection.tell({ type: "unwatched", re, channel });
    }
  }

  close(): void {
    this.#watcher.close();
  }

  async #members({ channel, n: re, limit, after }: MembersRequest): Promise<void> {
    const { connection, watches } = this.#options;
    const presence = new ChannelPresence(channel, watches);
    const from = after === undefined ? {} : { after };
    const members = limit === 0 ? [] : await presence.members({ limit, ...from });
    const count = await presence.count();
    connection.tell({ type: "members", re, channel, count, members: members.map(memberFields) });
  }
}

function dataOf({ text, base64, data }: PublishRequest): Publishable {
  if (text !== undefined) return text;
  return base64 === undefined ? (data as Publishable) : Buffer.from(base64, "base64");
}
