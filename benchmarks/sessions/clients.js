// Clients of ../sessions.js, as thin as can be: what is measured is the node.
import { WebSocket } from "ws";

class Client {
  got = 0;
  #wanted = Infinity;
  #reached;

  /** Resolves when so many more messages have come. */
  received(count) {
    this.#wanted = this.got + count;
    return new Promise((resolve) => (this.#reached = resolve));
  }

  drop() {
    this.socket.terminate();
  }

  count() {
    this.got++;
    if (this.got === this.#wanted) this.#reached();
  }

  open(url, protocols, onText) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false });
    this.socket.on("error", () => undefined);
    return new Promise((resolve) => {
      this.socket.on("message", (data) => onText(data.toString(), resolve));
    });
  }
}

class RingwayClient extends Client {
  #token = Array.from({ length: 2 }, () =>
    Math.random().toString(36).slice(2).padEnd(13, "_"),
  ).join("");
  #joined;

  constructor(port, { user, isKept }) {
    super();
    this.url = `ws://127.0.0.1:${port}/?session=${this.#token}&user=${user}`;
    this.user = user;
    this.delivery = isKept ? "at-least-once" : "at-most-once";
  }

  connect() {
    return this.open(this.url, ["ringway.v1"], (text, opened) => {
      const message = JSON.parse(text);
      if (message.type === "welcome") opened();
      if (message.type === "joined") this.#joined();
      if (message.type !== "message") return;
      this.count();
      const { channel, epoch, offset } = message;
      if (offset !== undefined) this.#send({ type: "ack", channel, epoch, offsets: [offset] });
    });
  }

  join() {
    const { delivery } = this;
    this.#send({ type: "join", n: 1, channel: "room", delivery, presence: { name: this.user } });
    return new Promise((resolve) => (this.#joined = resolve));
  }

  #send(message) {
    this.socket.send(JSON.stringify(message));
  }
}

/** Engine.IO 4 and Socket.IO 5 over a WebSocket, by hand. */
class SocketIoClient extends Client {
  #session;

  constructor(port) {
    super();
    this.url = `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`;
  }

  connect() {
    return this.open(this.url, [], (text, opened) => {
      if (text === "2") this.socket.send("3");
      else if (text.startsWith("0"))
        this.socket.send(`40${this.#session ? JSON.stringify(this.#session) : ""}`);
      else if (text.startsWith("40")) {
        this.#session = { ...this.#session, pid: JSON.parse(text.slice(2)).pid };
        opened();
      } else if (text.startsWith("42")) {
        this.#session.offset = JSON.parse(text.slice(2)).at(-1);
        this.count();
      }
    });
  }

  join() {
    return Promise.resolve();
  }
}

export const CLIENTS = { ringway: RingwayClient, socketIo: SocketIoClient };
