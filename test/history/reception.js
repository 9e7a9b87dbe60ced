import { Numbers } from "./numbers.js";
import { Order } from "./order.js";

/**
 * What one session has got of one stream, by the messages' numbers. Lives of the session's process
 * count from 0; they are kept plus 1, so that 0 is never.
 */
export class Reception {
  order = new Order();
  #handledIn = new Numbers(Uint16Array);
  #calledIn = new Numbers(Uint16Array);
  #receivedIn = new Numbers(Uint16Array);
  #receivedOn = new Numbers(Uint32Array);
  #connection = 0;

  /**
   * The network has brought it, where it may do so several times.
   *
   * @returns whether this life of the process has it already: the handler must not get it again
   */
  receivedKept(seq, life) {
    const isRepeated = this.#receivedIn.get(seq) === life + 1;
    this.#receivedIn.set(seq, life + 1);
    return isRepeated;
  }

  /**
   * The network has brought it, where it must do so once.
   *
   * @returns whether the same connection has brought it before
   */
  receivedOnce(seq, connection) {
    // Another connection may be with another node, which is behind or ahead of the one before.
    if (connection !== this.#connection) this.order.beginAnew();
    this.#connection = connection;
    const isRepeated = this.#receivedOn.get(seq) === connection;
    this.#receivedOn.set(seq, connection);
    if (!isRepeated) this.order.came(seq);
    return isRepeated;
  }

  /**
   * A handler was called with it.
   *
   * @param hasFailed and asks for it again
   * @returns `first`; `repeated` when this life of the process has dealt with it already;
   *   `after a kill` when an earlier one has
   */
  handled(seq, life, hasFailed = false) {
    const before = this.#handledIn.get(seq);
    if (hasFailed) this.#receivedIn.set(seq, 0);
    else this.#handledIn.set(seq, life + 1);
    if (before === 0) return "first";
    return before === life + 1 ? "repeated" : "after a kill";
  }

  /** Notes the order of the first calls of handlers. */
  called(seq, life) {
    if (this.#calledIn.get(seq) === 0) this.order.came(seq);
    this.#calledIn.set(seq, life + 1);
  }

  isHandled(seq) {
    return this.#handledIn.get(seq) > 0;
  }
}
