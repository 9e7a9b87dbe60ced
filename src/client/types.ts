export type Delivery = "at-most-once" | "at-least-once";

/** A place in the log of a channel. Offsets compare for equality only, and within one epoch. */
export interface Place {
  readonly offset: string;
  readonly epoch: string;
}

/** Who is in a channel: a user, or a session where the application names no user. */
export interface Member {
  readonly id: string;
  /** What it gave as `presence` last. */
  readonly data: unknown;
  /** How many it has. */
  readonly connections: number;
}

export interface PresenceEvent {
  readonly channel: string;
  readonly event: "join" | "leave" | "update";
  readonly member: Member;
}

/** Messages of a channel that this client will not get. */
export interface Gap {
  readonly channel: string;
  /**
   * `trimmed`: retention has passed them; `epoch`: the log was lost and begun anew; `forgotten`: the
   * fleet did not know the session any more, and delivery goes on at the end of the log; `overflow`:
   * too many waited for the handlers here, and what was published at most once was dropped.
   */
  readonly reason: string;
  /** The last place that was known. */
  readonly asked: Place | undefined;
  /** Delivery goes on behind this one. */
  readonly resumes: Place | undefined;
}
