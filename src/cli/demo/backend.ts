import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { WebSocketServer, type WebSocket } from "ws";
import type { ClientAsk } from "../../backend/protocol/client-answers.ts";
import type { Fleet } from "../../backend/fleet.ts";
import { joinFleet } from "../../backend/join-fleet.ts";
import { systemClock } from "../../core/clock.ts";
import { listen } from "../../core/listen.ts";
import type { PageFile } from "./page.ts";

const MAX_MESSAGE_BYTES = 4 * 1024;
const ANSWER_MS = 50;
const GRACE_MS = 5_000;
const LOCAL = "127.0.0.1";
/** What the backends are, told to every page twice a second. */
const FLEET = "demo:fleet";
/** A request to stop or start a backend: `POST /demo/ID/stop`. */
const CONTROL = /^\/demo\/(\w+)\/(stop|start)$/;

export type Control = "stop" | "start";

export interface DemoBackendOptions {
  readonly id: string;
  /** The fleet's broker, in memory. */
  readonly broker: string;
  readonly page: ReadonlyMap<string, PageFile>;
  /** @returns false when it can't be done */
  readonly control: (id: string, what: Control) => Promise<boolean>;
}

interface Running {
  readonly server: Server;
  readonly sockets: WebSocketServer;
  readonly fleet: Fleet;
}

/** One of the demo's chat servers: `ws`, the fleet library, and the files of the page. */
export class DemoBackend {
  readonly id: string;
  readonly #options: DemoBackendOptions;
  #running: Running | undefined;
  #port = 0;

  constructor(options: DemoBackendOptions) {
    this.id = options.id;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** @returns its URL, on a port that the system chose the first time */
  async start(): Promise<string> {
    const { id, broker } = this.#options;
    const fleet = await joinFleet({
      id,
      broker,
      presence: { graceMs: GRACE_MS },
      limits: { messageBytes: MAX_MESSAGE_BYTES },
    });
    const server = createServer((request, response) => void this.#serve(request, response));
    const sockets = new WebSocketServer({ server, maxPayload: 2 * MAX_MESSAGE_BYTES });
    sockets.on("connection", (socket, request) => welcome(fleet, socket, request));
    const address = await listen(server, { host: LOCAL, port: this.#port });
    this.#port = Number(address.slice(address.lastIndexOf(":") + 1));
    this.#running = { server, sockets, fleet };
    return `http://${address}`;
  }

  /** As if its machine had gone: nobody is told. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    const { server, sockets, fleet } = running;
    // The request that asks for it may have come to this backend.
    await new Promise<void>((resolve) => void systemClock.after(ANSWER_MS, resolve));
    const closed = once(server, "close");
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    server.close();
    server.closeAllConnections();
    await closed;
    await fleet.leave({ overMs: 0 });
  }

  /** Tells every page, whatever backend holds it. */
  async tellFleet(backends: readonly object[]): Promise<void> {
    await this.#running?.fleet.channel(FLEET).publish({ backends });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    const [, id, what] = CONTROL.exec(path) ?? [];
    if (request.method === "POST" && id !== undefined) {
      // No other site's page can send this header without asking first (CORS), and nobody answers yes.
      const isOurs = request.headers["x-ringway-demo"] === "page";
      const isDone = isOurs && (await this.#options.control(id, what as Control));
      response.writeHead(isOurs ? (isDone ? 204 : 409) : 403).end();
      return;
    }
    const file = this.#options.page.get(path);
    if (file === undefined) {
      response.writeHead(404, { "Content-Type": "text/plain" }).end("There is no such page.\n");
      return;
    }
    response
      .writeHead(200, {
        "Content-Type": file.type,
        "Content-Length": file.body.length,
        "Content-Security-Policy":
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
          "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
      })
      .end(file.body);
  }
}

function welcome(fleet: Fleet, socket: WebSocket, request: IncomingMessage): void {
  socket.on("error", () => socket.terminate());
  // A real application knows its users by a login; here everybody may call themselves anything.
  const user = new URL(request.url ?? "/", "ws://demo").searchParams.get("user") ?? "guest";
  const authorize = ({ channel }: ClientAsk): boolean => channel.startsWith("room:");
  const connection = fleet.accept(socket, request, { user, authorize });
  void connection.join(FLEET);
}
