/** What a publisher or a subscriber is promised of each message; see docs/delivery.md. */
export type DeliveryGuarantee = "at-most-once" | "at-least-once";

/** How messages are delivered at least once. */
export interface DeliverySettings {
  /** A message that is not settled for so long is sent again, then for twice as long, …; 30 s. */
  readonly ackTimeoutMs?: number;
  /** After so many deliveries a message goes to the dead letters; 10. */
  readonly maxDeliveries?: number;
  /** Messages of a channel that a session may have to settle; 100. */
  readonly maxInFlight?: number;
  /** The channel of dead letters; `dead-letters`. */
  readonly deadLetters?: string;
  /** How long a message may wait for the log; then its publisher has to try again; 15 s. */
  readonly storeWithinMs?: number;
}

export const defaultDelivery: Required<DeliverySettings> = {
  ackTimeoutMs: 30_000,
  maxDeliveries: 10,
  maxInFlight: 100,
  deadLetters: "dead-letters",
  storeWithinMs: 15_000,
};
