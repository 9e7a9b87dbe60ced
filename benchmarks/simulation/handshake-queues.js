/**
 * Servers that answer handshakes one after the other, each in the same time. One that was given up
 * by the edge meanwhile is answered all the same: a server does not know.
 */
export class HandshakeQueues {
  #serviceMs;
  #busyUntilMs;

  constructor(servers, perSecond) {
    this.#serviceMs = 1_000 / perSecond;
    this.#busyUntilMs = new Float64Array(servers);
  }

  /** @returns how long this one waits for its answer */
  enter(server, nowMs) {
    const doneMs = Math.max(this.#busyUntilMs[server], nowMs) + this.#serviceMs;
    this.#busyUntilMs[server] = doneMs;
    return doneMs - nowMs;
  }
}
