import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type ServerOptions, type WebSocket } from "ws";
import { whenDone } from "./when-done.ts";

export type Fields = Record<string, unknown>;

/** One connection to a scripted node: the test says what the node says. */
export class ScriptedConnection {
  readonly request: IncomingMessage;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #heard: Fields[] = [];
  #wanted: (() => void) | undefined;

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.#socket = socket;
    this.request = request;
    socket.on("error", () => undefined); // its close tells the rest
    socket.on("message", (data: Buffer) => {
      this.#heard.push(JSON.parse(data.toString()) as Fields);
      this.#wanted?.();
    });
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  get session(): string | null {
    return new URL(this.request.url ?? "", "ws://node").searchParams.get("session");
  }

  welcome(fields: Fields = {}): this {
    const said = { session: "hash", node: "node-1", heartbeatMs: 25_000, inFlight: 100 };
    return this.say({ type: "welcome", ...said, ...fields });
  }

  say(...messages: readonly Fields[]): this {
    for (const message of messages) this.raw(JSON.stringify(message));
    return this;
  }

  raw(data: string | Buffer): this {
    this.#socket.send(data);
    return this;
  }

  /** The next message of this type; others before it are passed over. */
  async hear(type: string): Promise<Fields & { n: number }> {
    for (;;) {
      const message = this.#heard.shift();
      if (message?.["type"] === type) return message as Fields & { n: number };
      if (message === undefined) await new Promise<void>((resolve) => (this.#wanted = resolve));
    }
  }

  /** All that was heard and not asked for. */
  get unread(): readonly Fields[] {
    return this.#heard;
  }

  /** Joins the client as it asks to. @returns the request */
  async join(fields: Fields = {}): Promise<Fields & { n: number }> {
    const asked = await this.hear("join");
    const { n: re, channel, delivery = "at-most-once" } = asked;
    const kept = { offset: "1", epoch: "e", isNew: true };
    const place = delivery === "at-least-once" ? kept : {};
    this.say({ type: "joined", re, channel, delivery, ...place, ...fields });
    return asked;
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }

  /** Without a Close. */
  cut(): void {
    this.#socket.terminate();
  }
}

/** A WebSocket server that speaks `ringway.v1` as the test tells it to. */
export class ScriptedNode {
  readonly url: string;
  readonly #arrived: ScriptedConnection[] = [];
  readonly #refusals: { status: number; headers: Record<string, string> }[] = [];
  #wanted: (() => void) | undefined;
  handshakes = 0;
  /** Can be called again. */
  readonly stop: () => Promise<void>;

  private constructor(port: number, sockets: WebSocketServer, stop: () => Promise<void>) {
    this.url = `ws://127.0.0.1:${port}/ws`;
    this.stop = stop;
    sockets.on("connection", (socket, request) => {
      this.#arrived.push(new ScriptedConnection(socket, request));
      this.#wanted?.();
    });
  }

  static async start(port = 0, options: ServerOptions = {}): Promise<ScriptedNode> {
    const server = createServer();
    const sockets = new WebSocketServer({ noServer: true, ...options });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const stop = async (): Promise<void> => {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    };
    whenDone(stop);
    const node = new ScriptedNode((server.address() as AddressInfo).port, sockets, stop);
    server.on("upgrade", (request, socket, head) => {
      node.handshakes++;
      const refusal = node.#refusals.shift();
      if (refusal === undefined) {
        sockets.handleUpgrade(request, socket, head, (client) => {
          sockets.emit("connection", client, request);
        });
        return;
      }
      const fields = Object.entries({ ...refusal.headers, connection: "close" });
      const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`HTTP/1.1 ${refusal.status} Refused\r\n${lines.join("")}\r\n`);
    });
    return node;
  }

  /** The next handshake is answered so. */
  refuse(status: number, headers: Record<string, string> = {}): void {
    this.#refusals.push({ status, headers });
  }

  /** The next connection. */
  async accept(): Promise<ScriptedConnection> {
    for (;;) {
      const connection = this.#arrived.shift();
      if (connection !== undefined) return connection;
      await new Promise<void>((resolve) => (this.#wanted = resolve));
    }
  }
}
