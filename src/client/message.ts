import type { MessageFields } from "./node-message.ts";
import type { NackOptions } from "./settlements.ts";

/** What becomes of a message. */
export interface MessageFate {
  ack(): void;
  nack(options: NackOptions): void;
}

/** A message of a channel. */
export class Message {
  /** Unique, and the same for all who receive it. */
  readonly id: string;
  readonly channel: string;
  /** What was published: a string, a Uint8Array, or what JSON said. */
  readonly data: unknown;
  /** Milliseconds since 1970, by the publisher's clock. */
  readonly publishedAt: number;
  /** Its offset in the log, when its delivery is at least once. */
  readonly offset: string | undefined;
  /** How often it was delivered with this time, as far as the node knows. */
  readonly deliveries: number;
  readonly #fate: MessageFate;

  constructor(fields: MessageFields, fate: MessageFate) {
    this.id = fields.id;
    this.channel = fields.channel;
    this.data = fields.data;
    this.publishedAt = fields.at;
    this.offset = fields.place?.offset;
    this.deliveries = fields.deliveries;
    this.#fate = fate;
  }

  /** It is dealt with. Only the first of all calls to `ack` and `nack` counts. */
  ack(): void {
    this.#fate.ack();
  }

  /** Asks for it again. Does nothing for a message that was sent at most once. */
  nack(options: NackOptions = {}): void {
    this.#fate.nack(options);
  }
}
