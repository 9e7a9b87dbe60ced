import type { Clock } from "../core/clock.ts";
import type { BusMessage } from "./broker/bus.ts";
import { checkChannelName } from "./channel-name.ts";
import { Departures } from "./departures.ts";
import {
  encodeBody,
  encodeEnvelope,
  type Envelope,
  type MessageKind,
  type Publishable,
} from "./envelope.ts";
import { FleetError } from "./fleet-error.ts";
import type { FleetStats } from "./fleet-stats.ts";

export interface PublisherOptions {
  /** Of this node, as its envelopes carry it. */
  readonly origin: string;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly stats: FleetStats;
  /** On its way to the other nodes: see `Outbox.push`. */
  readonly send: (message: BusMessage) => Promise<void> | undefined;
  /** To the subscribers of this node. */
  readonly deliver: (envelope: Envelope) => void;
}

/** A message that goes out to who is subscribed now. */
export interface Outgoing {
  readonly channel: string;
  readonly kind: MessageKind;
  readonly body: Buffer;
  /** The id that it has in the log, where it is kept as well. */
  readonly loggedId?: string;
  /** Now by default. */
  readonly publishedAt?: number;
}

/** Makes messages of what is published, and gives them to this node and to the broker. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #departures = new Departures();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Checks and encodes. @throws FleetError `bad_channel_name`, `bad_message`, `message_too_big` */
  encode(
    channel: string,
    data: Publishable,
  ): { readonly kind: MessageKind; readonly body: Buffer } {
    checkChannelName(channel);
    const encoded = encodeBody(data);
    const { maxBytes } = this.#options;
    if (encoded.body.length <= maxBytes) return encoded;
    throw new FleetError(
      "message_too_big",
      `a message of ${encoded.body.length} bytes is over the limit of ${maxBytes}: raise limits.messageBytes, or send less`,
    );
  }

  /** @throws FleetError `queue_full`: then nobody has got it */
  async publish({ channel, kind, body, loggedId = "", publishedAt }: Outgoing): Promise<void> {
    const { origin, clock, stats, send, deliver } = this.#options;
    const numbers = this.#departures.next(channel);
    const content = { publishedAt: publishedAt ?? clock.dateMs(), channel, loggedId, kind, body };
    const envelope = { origin, ...numbers, ...content };
    let left: Promise<void> | undefined;
    try {
      left = send({ channel, payload: encodeEnvelope(envelope) });
    } catch (error) {
      // Others would take a hole in the counts for a message that they have missed.
      this.#departures.takeBack(channel);
      stats.refused++;
      // Who tries again at once must not keep the event loop from hearing that the broker is back.
      await new Promise<void>((resolve) => clock.soon(resolve));
      throw error;
    }
    stats.published++;
    deliver(envelope);
    await left;
  }
}
