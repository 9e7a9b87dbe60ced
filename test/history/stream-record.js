import { Numbers } from "./numbers.js";

/** What one publisher has said on one channel with one guarantee, by the messages' numbers. */
export class StreamRecord {
  channel;
  delivery;
  /** The largest number; they begin at 1. */
  last = 0;
  published = 0;
  confirmed = 0;
  /** When the publisher began to publish each, and when it was told that it is published. */
  #startedAt = new Numbers(Float64Array);
  #confirmedAt = new Numbers(Float64Array);
  #connections = new Numbers(Uint32Array);
  #sentAgain = new Set();
  #refused = new Set();
  #failed = new Set();

  constructor({ channel, delivery }) {
    this.channel = channel;
    this.delivery = delivery;
  }

  get isKept() {
    return this.delivery === "at-least-once";
  }

  started(seq, atMs) {
    this.#startedAt.set(seq, atMs);
    this.last = Math.max(this.last, seq);
    this.published++;
  }

  isConfirmed(seq) {
    return this.#confirmedAt.get(seq) > 0;
  }

  confirm(seq, atMs) {
    if (!this.isConfirmed(seq)) this.confirmed++;
    this.#confirmedAt.set(seq, atMs);
  }

  /** 0 when it was not published. */
  startedAt(seq) {
    return this.#startedAt.get(seq);
  }

  confirmedAt(seq) {
    return this.#confirmedAt.get(seq);
  }

  /** Numbers of connections begin at 1. */
  sentOn(seq, connection) {
    if (this.#connections.get(seq) > 0) this.#sentAgain.add(seq);
    this.#connections.set(seq, connection);
  }

  /** The fleet would not take it just then: it comes again, behind what was under way already. */
  refuse(seq) {
    this.#refused.add(seq);
  }

  /** The publisher has given it up; it may have been published all the same. */
  fail(seq) {
    this.#failed.add(seq);
  }

  /** Published, and neither confirmed nor given up. Those of a publisher that was killed stay so. */
  *unsettled() {
    for (let seq = 1; seq <= this.last; seq++) {
      const isOpen = this.startedAt(seq) > 0 && !this.isConfirmed(seq);
      if (isOpen && !this.#failed.has(seq)) yield seq;
    }
  }

  /** Whether the log promises the order of these: not of one that the fleet refused for a time. */
  areOrderedInLog(...seqs) {
    return seqs.every((seq) => this.isConfirmed(seq) && !this.#refused.has(seq));
  }

  /** Whether the order of these is promised without a log: sent once, through the same node. */
  areOrderedLive(first, second) {
    const isSame = this.#connections.get(first) === this.#connections.get(second);
    return isSame && !this.#sentAgain.has(first) && !this.#sentAgain.has(second);
  }
}
