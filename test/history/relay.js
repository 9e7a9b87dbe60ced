import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Names the client of a connection, in the first line of its handshake. */
const USER = /[?&]user=([^& ]+)/;

/**
 * The network between the clients and the edges: brings each connection to an edge that takes it,
 * and can be cut at any byte, or stalled without either side being told.
 */
export class Relay {
  port;
  #edgePorts;
  #next = 0;
  #server;
  /** By client. */
  #links = new Map();

  static async start(edgePorts) {
    const relay = new Relay();
    relay.#edgePorts = edgePorts;
    relay.#server = createServer({ allowHalfOpen: true }, (near) => void relay.#accept(near));
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    relay.port = relay.#server.address().port;
    return relay;
  }

  /** Ends the connection when so many more bytes have passed. @returns whether there is one */
  cut(client, { towards, afterBytes, how }) {
    const link = this.#links.get(client);
    if (link === undefined) return false;
    link.cut = { towards, left: afterBytes, how };
    return true;
  }

  /** Nothing passes any more, neither a byte nor an end, until the time is over. */
  stall(client, forMs) {
    const link = this.#links.get(client);
    if (link === undefined) return false;
    link.isStalled = true;
    link.near.pause();
    link.far.pause();
    setTimeout(() => {
      link.isStalled = false;
      link.near.resume();
      link.far.resume();
    }, forMs);
    return true;
  }

  async close() {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const { near, far } of this.#links.values()) for (const s of [near, far]) s.destroy();
    await closed;
  }

  async #accept(near) {
    near.on("error", () => undefined); // its close tells the rest
    const [head] = await Promise.race([once(near, "data"), once(near, "close").then(() => [])]);
    near.pause();
    const far = head && (await this.#dial());
    if (far === undefined || near.destroyed) {
      near.destroy();
      far?.destroy();
      return;
    }
    far.on("error", () => undefined);
    far.write(head);
    const link = { near, far, cut: undefined, isStalled: false };
    const client = USER.exec(head.toString("latin1"))?.[1];
    this.#links.set(client, link);
    this.#join(link, "edge", near, far);
    this.#join(link, "client", far, near);
    near.once("close", () => {
      if (this.#links.get(client) === link) this.#links.delete(client);
    });
    near.resume();
  }

  #join(link, towards, from, to) {
    from.on("data", (chunk) => {
      const { cut } = link;
      if (cut?.towards === towards && chunk.length > cut.left) {
        to.write(chunk.subarray(0, cut.left), () => this.#end(link, cut.how));
        from.removeAllListeners("data");
        return;
      }
      if (cut?.towards === towards) cut.left -= chunk.length;
      if (to.write(chunk)) return;
      from.pause();
      to.once("drain", () => {
        if (!link.isStalled) from.resume();
      });
    });
    from.on("end", () => to.end());
    from.on("close", () => to.destroy());
  }

  #end({ near, far }, how) {
    for (const socket of [near, far]) {
      if (how === "reset") socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  /** Edges take turns; one that is away is left out. */
  async #dial() {
    for (let tries = 0; tries < this.#edgePorts.length; tries++) {
      const port = this.#edgePorts[this.#next++ % this.#edgePorts.length];
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      const isOpen = await once(socket, "connect").then(
        () => true,
        () => false,
      );
      if (isOpen) return socket;
    }
    return undefined;
  }
}
