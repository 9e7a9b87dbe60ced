import type { Envelope } from "./envelope.ts";

/** A message as server-side subscribers see it. */
export class Message {
  readonly #envelope: Envelope;
  #data: { readonly value: unknown } | undefined;

  constructor(envelope: Envelope) {
    this.#envelope = envelope;
  }

  /** Unique, and the same for all who receive the message. */
  get id(): string {
    return `${this.#envelope.origin}:${this.#envelope.serial}`;
  }

  get channel(): string {
    return this.#envelope.channel;
  }

  /** Milliseconds since 1970, by the publisher's clock. */
  get publishedAt(): number {
    return this.#envelope.publishedAt;
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

  #read(): unknown {
    const { kind, body } = this.#envelope;
    if (kind === "binary") return body;
    const text = body.toString();
    return kind === "text" ? text : (JSON.parse(text) as unknown);
  }
}

/** Messages of a channel that this node has missed. */
export interface Gap {
  readonly channel: string;
  /**
   * `missed`: a later message shows that `count` are missing before it; `interrupted`: the broker was
   * away for `awayMs`, and what was published meanwhile may be missing.
   */
  readonly reason: "missed" | "interrupted";
  readonly count: number | undefined;
  readonly awayMs: number | undefined;
}
