import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { Registry } from "prom-client";
import { describeError } from "../core/errors.ts";
import { listen, type SocketAddress } from "../core/listen.ts";
import type { ServedPool } from "../proxy/served-pool.ts";

export interface AdminOptions {
  readonly address: SocketAddress;
  readonly registry: Registry;
  readonly pools: ReadonlyMap<string, ServedPool>;
  /** False from the moment that the edge shuts down. */
  readonly ready: () => boolean;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The operators' address: metrics, liveness, readiness and the pools as JSON. */
export class AdminServer {
  readonly #options: AdminOptions;
  readonly #server: Server;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        send(response, text(500, describeError(error)));
      });
    });
  }

  /** @throws StartError when the address is in use or not allowed */
  listen(): Promise<string> {
    return listen(this.#server, this.#options.address);
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      send(response, text(405, "Only GET is allowed here."));
      return;
    }
    const path = (request.url ?? "/").split("?", 1)[0];
    send(response, await this.#answer(path));
  }

  async #answer(path: string | undefined): Promise<Answer> {
    const { registry, ready } = this.#options;
    switch (path) {
      case "/metrics":
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      case "/livez":
        return text(200, "alive");
      case "/readyz":
        return ready() ? text(200, "ready") : text(503, "shutting down");
      case "/api/pools":
        return { status: 200, type: "application/json", body: JSON.stringify(this.#pools()) };
      default:
        return text(404, "Try /metrics, /livez, /readyz or /api/pools.");
    }
  }

  #pools(): unknown {
    return [...this.#options.pools].map(([pool, served]) => ({
      pool,
      policy: served.policyName,
      backends: served.pool.backends.map(({ id, url, state, connections, weight }) => ({
        id,
        url,
        state,
        connections,
        weight,
      })),
    }));
  }
}

function text(status: number, line: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: `${line}\n` };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response
    .writeHead(status, {
      "Content-Type": type,
      "Content-Length": Buffer.byteLength(body),
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    })
    .end(body);
}
