import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { WebSocketServer, type WebSocket } from "ws";
import type { ClientAsk } from "../../backend/protocol/client-answers.ts";
import type { Fleet } from "../../backend/fleet.ts";
import { joinFleet } from "../../backend/join-fleet.ts";
import { systemClock } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import { listen } from "../../core/listen.ts";
import { isFromOwnPage } from "./control-guard.ts";
import type { PageFile } from "./page.ts";

const MAX_MESSAGE_BYTES = 4 * 1024;
const ANSWER_MS = 50;
const GRACE_MS = 5_000;
/** As the page's field has it. */
const MAX_NAME = 30;
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
  /** @returns false when it can't be done; rejects with a StartError */
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
  #isWanted = false;
  #port = 0;
  /** Starts and stops wait for each other: the port is free when its server has closed. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: DemoBackendOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** Whether it runs, or is about to. */
  get isRunning(): boolean {
    return this.#isWanted;
  }

  /**
   * @returns its URL, on a port that the system chose the first time
   * @throws StartError when that port was taken meanwhile
   */
  start(): Promise<string> {
    this.#isWanted = true;
    return this.#inTurn(() => this.#start());
  }

  /** As if its machine had gone: nobody is told. */
  stop(): Promise<void> {
    this.#isWanted = false;
    return this.#inTurn(() => this.#stop());
  }

  /** Tells every page, whatever backend holds it. */
  async tellFleet(backends: readonly object[]): Promise<void> {
    await this.#running?.fleet.channel(FLEET).publish({ backends });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => undefined); // whoever asked is told
    return done;
  }

  async #start(): Promise<string> {
    const url = (): string => `http://${LOCAL}:${this.#port}`;
    if (this.#running !== undefined) return url();
    const { id, broker } = this.#options;
    const fleet = await joinFleet({
      id,
      broker,
      presence: { graceMs: GRACE_MS },
      limits: { messageBytes: MAX_MESSAGE_BYTES },
    });
    const server = createServer((request, response) => void this.#serve(request, response));
    try {
      const address = await listen(server, { host: LOCAL, port: this.#port });
      this.#port = Number(address.slice(address.lastIndexOf(":") + 1));
    } catch (error) {
      this.#isWanted = false;
      await fleet.leave({ overMs: 0 });
      throw error;
    }
    // Only now: it would throw what the server can't do while it begins to listen.
    const sockets = new WebSocketServer({ server, maxPayload: 2 * MAX_MESSAGE_BYTES });
    sockets.on("connection", (socket, request) => welcome(fleet, socket, request));
    this.#running = { server, sockets, fleet };
    return url();
  }

  async #stop(): Promise<void> {
    if (this.#running === undefined) return;
    const { server, sockets, fleet } = this.#running;
    this.#running = undefined;
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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    const [, id, what] = CONTROL.exec(path) ?? [];
    if (request.method === "POST" && id !== undefined) {
      await this.#obey(request, response, { id, what: what as Control });
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

  async #obey(
    { headers }: IncomingMessage,
    response: ServerResponse,
    { id, what }: { readonly id: string; readonly what: Control },
  ): Promise<void> {
    if (!isFromOwnPage(headers)) {
      response.writeHead(403).end();
      return;
    }
    try {
      response.writeHead((await this.#options.control(id, what)) ? 204 : 409).end();
    } catch (error) {
      response.writeHead(500, { "Content-Type": "text/plain" }).end(describeError(error));
    }
  }
}

function welcome(fleet: Fleet, socket: WebSocket, request: IncomingMessage): void {
  socket.on("error", () => socket.terminate());
  // A real application knows its users by a login; here everybody may call themselves anything.
  const [, query] = (request.url ?? "/").split("?", 2);
  const name = new URLSearchParams(query).get("user")?.slice(0, MAX_NAME) ?? "";
  const user = name === "" ? "guest" : name;
  const authorize = ({ channel }: ClientAsk): boolean => channel.startsWith("room:");
  const connection = fleet.accept(socket, request, { user, authorize });
  void connection.join(FLEET);
}
