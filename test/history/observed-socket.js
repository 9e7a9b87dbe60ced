import { WebSocket } from "ws";

/** What a message's beginning must be for it to be worth parsing. */
const MESSAGE = '{"type":"message"';
const PUBLISH = '"type":"publish"';

/**
 * A class of WebSockets of one client that tell what passes through them: the client library shows
 * its application no duplicates, and not on which connection it has sent what.
 *
 * @param observer `{ isReading, onSocket, onReceived, onSent, onRefused }`
 */
export function observedSocket(observer) {
  return class ObservedSocket extends WebSocket {
    #connection = observer.onSocket(this);
    /** By the request's number. */
    #asked = new Map();

    constructor(url, protocols) {
      super(url, protocols, { perMessageDeflate: false });
      this.on("message", (bytes) => this.#heard(bytes.toString()));
      this.on("open", () => {
        if (!observer.isReading()) this.pause();
      });
    }

    send(text, ...rest) {
      if (text.includes(PUBLISH)) {
        const { n, data } = JSON.parse(text);
        this.#asked.set(n, data);
        observer.onSent(this.#connection, data);
      }
      super.send(text, ...rest);
    }

    #heard(text) {
      if (text.startsWith(MESSAGE)) {
        const { data, deliveries = 0 } = JSON.parse(text);
        observer.onReceived(this.#connection, data, deliveries);
      } else if (this.#asked.size > 0) {
        const { re, type, code, retryable } = JSON.parse(text);
        const data = this.#asked.get(re);
        this.#asked.delete(re);
        const isRefused = data !== undefined && type === "error" && retryable;
        if (isRefused) observer.onRefused(data, code);
      }
    }
  };
}
