import type { LogGap } from "../broker/log.ts";
import type { LoggedMessage } from "./logged-message.ts";

/** A message on its way, and how often it has been with this time. */
export interface Delivery {
  readonly message: LoggedMessage;
  readonly deliveries: number;
}

/** Who gets the messages of a session: a client's connection, or a subscriber in this process. */
export interface DeliveryTarget {
  /** Of messages that it may have to settle. */
  readonly maxInFlight: number;
  /** Of their bodies. */
  readonly maxBytes: number;
  /** How many messages it can take now. It is asked again after a while. */
  room(): number;
  send(deliveries: readonly Delivery[]): void;
  /**
   * Whether a message that was not settled in time may be sent again. Not while it is being dealt
   * with; and one who has vanished without a word must not use up its deliveries.
   *
   * @param sentMs when it was sent, by the node's clock
   */
  mayRepeat(message: LoggedMessage, sentMs: number): boolean;
  gap(gap: LogGap): void;
  /** Somebody else acts for the session now; nothing more is sent. */
  replaced(): void;
}
