import type { Connection } from "./connection.ts";

/** Connections of one channel that get the same bytes. */
export class Audience {
  readonly connections: Set<Connection> = new Set();
  /** They speak `ringway.v1`: messages come with all that belongs to them. */
  readonly isFramed: boolean;
  /** What is kept in the log comes to them from there. */
  readonly readsLog: boolean;
  /** Frames that go out when the turn of the event loop ends. */
  frames: Buffer[] | undefined;
  frameBytes = 0;

  constructor(isFramed: boolean, readsLog: boolean) {
    this.isFramed = isFramed;
    this.readsLog = readsLog;
  }
}
