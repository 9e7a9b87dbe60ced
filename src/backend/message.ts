import type { Position } from "./broker/log.ts";
import type { MessageKind } from "./envelope.ts";

/** What a message is made of. */
export interface MessageContent {
  readonly id: string;
  readonly channel: string;
  readonly publishedAt: number;
  readonly kind: MessageKind;
  readonly body: Buffer;
}

export interface NackOptions {
  /** Milliseconds until it comes again; a time that grows with each delivery by default. */
  readonly delay?: number;
  /** For the dead letters. */
  readonly reason?: string;
}

/** Of a message that is delivered at least once. */
export interface Kept {
  readonly position: Position;
  readonly deliveries: number;
  ack(): void;
  nack(options: NackOptions): void;
}

/** A message as server-side subscribers see it. */
export class Message {
  readonly #content: MessageContent;
  readonly #kept: Kept | undefined;
  #data: { readonly value: unknown } | undefined;

  constructor(content: MessageContent, kept?: Kept) {
    this.#content = content;
    this.#kept = kept;
  }

  /** Unique, and the same for all who receive the message. */
  get id(): string {
    return this.#content.id;
  }

  get channel(): string {
    return this.#content.channel;
  }

  /** Milliseconds since 1970, by the publisher's clock. */
  get publishedAt(): number {
    return this.#content.publishedAt;
  }

  /** Where it is in the channel's log; undefined for one that is delivered at most once. */
  get offset(): string | undefined {
    return this.#kept?.position.offset;
  }

  /** How often it has been delivered to this session, this time included. */
  get deliveries(): number {
    return this.#kept?.deliveries ?? 1;
  }

  /**
   * What was published: a string, a Buffer, or what JSON said. All subscribers of a node share it.
   *
   * @throws SyntaxError when somebody else wrote to the broker, and no JSON
   */
  get data(): unknown {
    this.#data ??= { value: this.#read() };
    return this.#data.value;
  }

  /** It is dealt with, and does not come again. One that is delivered at most once never does. */
  ack(): void {
    this.#kept?.ack();
  }

  /** It is to come again later; one that was delivered too often goes to the dead letters instead. */
  nack(options: NackOptions = {}): void {
    this.#kept?.nack(options);
  }

  #read(): unknown {
    const { kind, body } = this.#content;
    if (kind === "binary") return body;
    const text = body.toString();
    return kind === "text" ? text : (JSON.parse(text) as unknown);
  }
}

/** Messages of a channel that a subscriber has missed. */
export type Gap = { readonly channel: string } & (
  | {
      /** A later message shows that so many are missing before it. */
      readonly reason: "missed";
      readonly count: number;
    }
  | {
      /** The broker was away, and what was published meanwhile may be missing. */
      readonly reason: "interrupted";
      readonly awayMs: number;
    }
  | {
      /** At least once: retention has passed them, or the log was lost and begun anew. */
      readonly reason: "trimmed" | "epoch";
      readonly asked: Position;
      readonly resumes: Position;
    }
);
