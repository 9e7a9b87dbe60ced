import type { Flow } from "./flow.ts";

/**
 * In parts of the interval. A side is looked at four times an interval, so that from its last sign
 * of life to its end no more than two intervals pass.
 */
const PING_AFTER = 0.75;
const GONE_AFTER = 1.5;
/** Looks after a ping before its answer counts as missing: a process that was stuck reads first. */
const LOOKS = 2;

export interface PeerWatchOptions {
  /** What the peer sends. */
  readonly incoming: Flow;
  /** What is sent to it. */
  readonly outgoing: Flow;
  readonly keepaliveMs: number;
  readonly ping: () => Buffer;
  readonly nowMs: number;
}

/**
 * Finds out that a peer has vanished without a word: no FIN, no reset, as when its network is gone.
 *
 * A sign of life is whatever is read from it, or that what waits to be written to it gets less. One
 * that is not read, because the other side is full, is not judged.
 */
export class PeerWatch {
  readonly #options: PeerWatchOptions;
  #heardMs: number;
  /** Since it was asked, by a ping of either side; undefined while it need not answer. */
  #looks: number | undefined;
  #backlog = 0;
  #written = 0;
  #pongsSeen = 0;
  #pingsAnswered = 0;

  constructor(options: PeerWatchOptions) {
    this.#options = options;
    this.#heardMs = options.nowMs;
  }

  /** @returns whether the peer is gone */
  check(nowMs: number): boolean {
    const { keepaliveMs } = this.#options;
    if (this.#isAlive()) {
      this.#heardMs = nowMs;
      this.#looks = undefined;
      return false;
    }
    const silentMs = nowMs - this.#heardMs;
    if (this.#looks !== undefined) {
      this.#looks++;
      return this.#looks >= LOOKS && silentMs >= keepaliveMs * GONE_AFTER;
    }
    if (silentMs >= keepaliveMs * PING_AFTER && this.#ask()) this.#looks = 0;
    return false;
  }

  #isAlive(): boolean {
    const { incoming, outgoing } = this.#options;
    const { bytesWritten, writableLength } = outgoing.sink;
    const written = bytesWritten - writableLength;
    // What goes out without having waited fills the system's buffer: that needs no peer.
    const progressed = this.#backlog > 0 && written !== this.#written;
    const isAlive = incoming.heard || progressed || incoming.source.isPaused();
    incoming.heard = false;
    this.#backlog = writableLength;
    this.#written = written;
    return isAlive;
  }

  /**
   * RFC 6455 §5.5.3: a peer may answer only the last of several pings. While one of the other side's
   * is unanswered the edge sends none: the answer to that one is the sign of life.
   *
   * @returns whether it has to answer something now
   */
  #ask(): boolean {
    const { incoming, outgoing, ping } = this.#options;
    if (incoming.scanner.pongs !== this.#pongsSeen) {
      this.#pongsSeen = incoming.scanner.pongs;
      this.#pingsAnswered = outgoing.scanner.pings;
    }
    if (outgoing.scanner.pings > this.#pingsAnswered) return true;
    if (!outgoing.insertPing(ping())) return false;
    incoming.awaitPong();
    return true;
  }
}
