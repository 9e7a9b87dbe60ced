export const NONE = -1;

/** What a session is doing. */
export const STATE = {
  open: 0,
  /** Before it connects. */
  away: 1,
  /** In the edge's queue for a TLS handshake. */
  arriving: 2,
  /** In the edge's queue of admission. */
  queued: 3,
  /** A backend will answer in time. */
  shaking: 4,
  /** A backend will not. */
  stuck: 5,
};

/** A million clients, column by column. */
export class Sessions {
  constructor(count) {
    this.count = count;
    this.state = new Uint8Array(count).fill(STATE.away);
    this.edge = new Uint8Array(count);
    /** Where it is, or tries to be. */
    this.backend = new Int16Array(count).fill(NONE);
    /** Where it was open last. */
    this.last = new Int16Array(count).fill(NONE);
    /** What the store remembers. */
    this.home = new Int16Array(count).fill(NONE);
    this.isGuest = new Uint8Array(count);
    /** Attempts in a row that failed. */
    this.failures = new Uint8Array(count);
    /** Backends that one upgrade has tried in vain. */
    this.tried = [new Int16Array(count), new Int16Array(count)];
    this.tries = new Uint8Array(count);
    /** Which session of this client it is: the next one has another key. */
    this.generation = new Uint8Array(count);
  }

  /** What the ring places by; as long as the edge's own ids are. */
  key(session) {
    return `session-${this.generation[session]}-${session.toString(36).padStart(8, "0")}`;
  }

  hasTried(session, backend) {
    for (let i = 0; i < this.tries[session]; i++) {
      if (this.tried[i][session] === backend) return true;
    }
    return false;
  }

  /** The client's next session: nobody knows it yet. */
  renew(session) {
    this.generation[session]++;
    this.last[session] = NONE;
    this.home[session] = NONE;
  }
}
