import type { Clock } from "../core/clock.ts";
import type { Connection } from "./connection.ts";

/** For the answer to a ping; a client that owes it longer has gone without a word. */
const ANSWER_MS = 10_000;

/**
 * Whether the client of a connection lives: asked when it matters, and not by a timer for each. Who
 * has said nothing since then is pinged (RFC 6455 §5.5.2), and cut off when no answer comes.
 */
export class Liveness {
  readonly #connection: Connection;
  readonly #clock: Clock;
  #heardMs: number;
  #pingedMs: number | undefined;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#heardMs = clock.nowMs();
    const heard = (): void => {
      this.#heardMs = clock.nowMs();
      this.#pingedMs = undefined;
    };
    connection.socket.on("message", heard).on("pong", heard);
  }

  /** @param ms by the node's clock */
  isHeardSince(ms: number): boolean {
    if (this.#heardMs > ms) return true;
    const { socket } = this.#connection;
    const nowMs = this.#clock.nowMs();
    if (this.#pingedMs === undefined) {
      this.#pingedMs = nowMs;
      if (this.#connection.isOpen) socket.ping();
    } else if (nowMs - this.#pingedMs > ANSWER_MS) {
      socket.terminate();
    }
    return false;
  }
}
