import { Agent } from "node:http";
import type { Socket } from "node:net";

/** Connections that are kept open to one backend between requests. */
const MAX_IDLE = 64;
/** Shorter than the 5 s after which Node.js servers, among the hastiest, hang up. */
const IDLE_MS = 4_000;

/**
 * Keep-alive connections to one backend. New ones are dialled by the caller beforehand, so that a
 * backend that can't be reached is known before any byte of a body is read.
 */
export class BackendAgent extends Agent {
  #offered: Socket | undefined;

  constructor() {
    super({ keepAlive: true, maxFreeSockets: MAX_IDLE, timeout: IDLE_MS, scheduling: "lifo" });
  }

  get hasIdle(): boolean {
    for (const sockets of Object.values(this.freeSockets)) {
      if (sockets !== undefined && sockets.some((socket) => socket.writable)) return true;
    }
    return false;
  }

  /**
   * @param socket the connection to use if none is idle; destroyed if it is not needed
   * @param send makes one request with this agent before it returns
   */
  offer(socket: Socket, send: () => void): void {
    // A backend that ends an idle connection is done with it: no half-open state here.
    socket.allowHalfOpen = false;
    this.#offered = socket;
    send();
    this.#offered?.destroy();
    this.#offered = undefined;
  }

  override createConnection(): Socket {
    const socket = this.#offered;
    this.#offered = undefined;
    if (socket === undefined) throw new TypeError("a request came without its connection");
    return socket;
  }
}
