import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { z } from "zod";
import { listen } from "../../core/listen.ts";
import type { PageFile } from "./page.ts";
import type { Room } from "./room.ts";

const MAX_MESSAGE_BYTES = 4 * 1024;
/** The visits of the sessions seen last; older ones start again at one. */
const MAX_SESSIONS = 10_000;

export interface DemoBackendOptions {
  readonly id: string;
  readonly room: Room;
  readonly page: ReadonlyMap<string, PageFile>;
}

const said = z.object({ type: z.literal("say"), text: z.string().trim().min(1).max(500) });

/** One of the demo's chat servers: an ordinary `ws` server that knows nothing of the edge. */
export class DemoBackend {
  readonly id: string;
  readonly #options: DemoBackendOptions;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;
  readonly #visits = new Map<string, number>();

  constructor(options: DemoBackendOptions) {
    this.id = options.id;
    this.#options = options;
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#webSockets = new WebSocketServer({ server: this.#server, maxPayload: MAX_MESSAGE_BYTES });
    this.#webSockets.on("connection", (socket, request) => this.#welcome(socket, request));
    options.room.join((message) => this.tell({ type: "message", ...message }));
  }

  /** @returns its URL, on a port that the system chose */
  async listen(): Promise<string> {
    return `http://${await listen(this.#server, { host: "127.0.0.1", port: 0 })}`;
  }

  /** Sends an event to everybody who is connected here. */
  tell(event: unknown): void {
    const text = JSON.stringify(event);
    for (const socket of this.#webSockets.clients) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    for (const socket of this.#webSockets.clients) socket.terminate();
    this.#webSockets.close();
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #welcome(socket: WebSocket, request: IncomingMessage): void {
    const session = String(request.headers["ringway-session"]);
    const name = `guest-${session.slice(0, 4)}`;
    socket.send(
      JSON.stringify({ type: "hello", backend: this.id, name, visits: this.#countVisit(session) }),
    );
    socket.on("error", () => socket.terminate());
    socket.on("message", (data: Buffer) => {
      const text = parseSaid(data.toString());
      if (text !== undefined) this.#options.room.say({ from: name, backend: this.id, text });
    });
  }

  #countVisit(session: string): number {
    const visits = (this.#visits.get(session) ?? 0) + 1;
    this.#visits.delete(session);
    this.#visits.set(session, visits);
    const [oldest] = this.#visits.keys();
    if (this.#visits.size > MAX_SESSIONS && oldest !== undefined) this.#visits.delete(oldest);
    return visits;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const file = this.#options.page.get((request.url ?? "/").split("?", 1)[0] ?? "/");
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

/** What a client says, or undefined when it is nothing that the page would send. */
function parseSaid(text: string): string | undefined {
  try {
    return said.safeParse(JSON.parse(text)).data?.text;
  } catch {
    return undefined;
  }
}
