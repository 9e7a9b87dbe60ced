import { messageFrame } from "../../wire/message-frame.ts";
import type { LogGap } from "../broker/log.ts";
import type { Connection } from "../connection.ts";
import type { FleetStats } from "../fleet-stats.ts";
import { messageText } from "../protocol/message-text.ts";
import type { LoggedMessage } from "./logged-message.ts";
import type { Delivery, DeliveryTarget } from "./target.ts";

/** See docs/protocol.md, "The end of a connection". */
const SESSION_TAKEN = 4500;

export interface ConnectionTargetOptions {
  readonly channel: string;
  readonly maxInFlight: number;
  readonly stats: FleetStats;
  /** Of a client that can't acknowledge: these have been written to its connection. */
  readonly onWritten: (messages: readonly LoggedMessage[]) => void;
  /** Whether the client lives; see `Liveness`. */
  readonly isHeardSince: (ms: number) => boolean;
}

/** Messages of a channel's log go to a client. */
export class ConnectionTarget implements DeliveryTarget {
  readonly maxInFlight: number;
  readonly maxBytes: number;
  readonly #connection: Connection;
  readonly #options: ConnectionTargetOptions;

  constructor(connection: Connection, options: ConnectionTargetOptions) {
    this.#connection = connection;
    this.#options = options;
    this.maxInFlight = options.maxInFlight;
    this.maxBytes = connection.maxBufferedBytes;
  }

  room(): number {
    const { isOpen, bufferedBytes, maxBufferedBytes } = this.#connection;
    return isOpen && bufferedBytes < maxBufferedBytes ? Infinity : 0;
  }

  send(deliveries: readonly Delivery[]): void {
    const { stats, onWritten } = this.#options;
    const { isFramed } = this.#connection;
    const frames = deliveries.map((delivery) =>
      isFramed ? framed(delivery) : plain(delivery.message),
    );
    const [first = Buffer.alloc(0)] = frames;
    const bytes = frames.length === 1 ? first : Buffer.concat(frames);
    stats.delivered += deliveries.length;
    if (isFramed) this.#connection.write(bytes);
    else this.#connection.write(bytes, () => onWritten(deliveries.map(({ message }) => message)));
  }

  mayRepeat(_: LoggedMessage, sentMs: number): boolean {
    return this.#options.isHeardSince(sentMs);
  }

  gap({ reason, asked, resumes }: LogGap): void {
    const { channel } = this.#options;
    if (this.#connection.isFramed) {
      this.#connection.tell({ type: "gap", channel, reason, asked, resumes });
    }
  }

  replaced(): void {
    this.#connection.socket.close(SESSION_TAKEN, "The session has another connection now.");
  }
}

/** Made once for all sessions that get the message for the first time. */
function framed({ message, deliveries }: Delivery): Buffer {
  if (deliveries > 1) return textFrame(message, deliveries);
  return (message.frame ??= textFrame(message, deliveries));
}

function textFrame(message: LoggedMessage, deliveries: number): Buffer {
  const text = messageText(message, { position: message.position, deliveries });
  return messageFrame(Buffer.from(text), true);
}

function plain({ kind, body }: LoggedMessage): Buffer {
  return messageFrame(body, kind !== "binary");
}
