import { createHash } from "node:crypto";
import type { Random } from "../core/random.ts";
import type { PublishOptions } from "./channel.ts";
import type { DeliveryGuarantee } from "./delivery/delivery-options.ts";
import type { Publishable } from "./envelope.ts";
import { FleetError } from "./fleet-error.ts";
import type { LogPublisher } from "./log-publisher.ts";
import type { Publisher } from "./publisher.ts";
import type { RoutedPublish } from "./routed-publish.ts";

const KEY = /^[\x20-\x7e]{1,128}$/;

export interface PublishingOptions {
  readonly publisher: Publisher;
  /** @throws FleetError `capability_missing` */
  readonly logPublisher: () => LogPublisher;
  /** Of sharded channels. */
  readonly routed: RoutedPublish | undefined;
  readonly random: Random;
}

/** What a client publishes. */
export interface ClientMessage {
  readonly channel: string;
  readonly data: Publishable;
  readonly delivery: DeliveryGuarantee;
  readonly key: string | undefined;
  readonly isAgain: boolean;
}

/** The ways that a message can take: to who is subscribed now, through its shard's owner, into the log. */
export class Publishing {
  readonly #options: PublishingOptions;

  constructor(options: PublishingOptions) {
    this.#options = options;
  }

  /** @throws FleetError, see `Channel.publish` */
  async publish(
    channel: string,
    data: Publishable,
    options: PublishOptions & { readonly isSharded: boolean },
  ): Promise<void> {
    const { publisher, routed, random } = this.#options;
    const { delivery = "at-most-once", key, isSharded } = options;
    const { kind, body } = publisher.encode(channel, data);
    if (delivery === "at-least-once") {
      const id = key === undefined ? random.uuid() : checkKey(key);
      await this.#options.logPublisher().publish({ channel, id, kind, body, isAgain: false });
    } else if (isSharded && routed !== undefined) {
      await routed.publish(channel, kind, body);
    } else {
      await publisher.publish({ channel, kind, body });
    }
  }

  /**
   * For a client. Its keys are its own: nobody can take another's before it is used.
   *
   * @returns the id of the message in the log, or an empty text
   */
  async publishForClient(session: string, message: ClientMessage): Promise<string> {
    const { channel, data, delivery, key = "", isAgain } = message;
    const { publisher } = this.#options;
    const { kind, body } = publisher.encode(channel, data);
    if (delivery === "at-most-once") {
      await publisher.publish({ channel, kind, body });
      return "";
    }
    const owner = createHash("sha256").update(session).digest("base64url").slice(0, 16);
    const id = `${owner}:${key}`;
    await this.#options.logPublisher().publish({ channel, id, kind, body, isAgain });
    return id;
  }
}

/** @throws FleetError `bad_message` */
function checkKey(key: string): string {
  if (KEY.test(key)) return key;
  throw new FleetError("bad_message", "key must be 1 to 128 printable ASCII characters");
}
