import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { describeError } from "../core/errors.ts";
import { listen, type SocketAddress } from "../core/listen.ts";
import { isLoopback } from "./loopback.ts";
import type { PoolStatus } from "./pool-status.ts";

/** Where the answers come from: one edge, or all workers together. */
export interface AdminSource {
  /** Of the metrics. */
  readonly contentType: string;
  metrics(): Promise<string>;
  /** False from the moment that the edge shuts down. */
  isReady(): boolean;
  pools(): PoolStatus[] | Promise<PoolStatus[]>;
  /** @returns false when there is no such backend */
  drain(pool: string, backend: string): boolean | Promise<boolean>;
  undrain(pool: string, backend: string): boolean | Promise<boolean>;
}

export interface AdminOptions {
  readonly address: SocketAddress;
  /** Asked of everybody but for liveness and readiness; absent: nobody is asked. */
  readonly token: string | undefined;
  readonly source: AdminSource;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const BACKEND_ACTION = /^\/api\/pools\/([^/]+)\/backends\/([^/]+)\/(drain|undrain)$/;

/** The operators' address: metrics, liveness, readiness, the pools as JSON, and draining. */
export class AdminServer {
  readonly #options: AdminOptions;
  readonly #server: Server;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      // Nothing here has a body: what comes is thrown away.
      request.resume();
      this.#answer(request)
        .catch((error: unknown) => text(500, describeError(error)))
        .then((answer) => send(response, answer))
        .catch(() => response.destroy());
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

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { source } = this.#options;
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const action = BACKEND_ACTION.exec(path);
    const allowed = action === null ? ["GET", "HEAD"] : ["POST"];
    if (!allowed.includes(request.method ?? "")) return notAllowed(allowed);
    if (path === "/livez") return text(200, "alive");
    if (path === "/readyz") {
      return source.isReady() ? text(200, "ready") : text(503, "shutting down");
    }
    if (!this.#isTrusted(request.headers.authorization)) return unauthorized();
    if (action !== null) return this.#act(request, action);
    if (path === "/metrics") {
      return { status: 200, type: source.contentType, body: await source.metrics() };
    }
    if (path === "/api/pools") return json(200, await source.pools());
    return text(404, "Try /metrics, /livez, /readyz or /api/pools.");
  }

  async #act(request: IncomingMessage, action: RegExpExecArray): Promise<Answer> {
    // Browsers name their origin: a page that an operator reads must not drain a backend.
    if (request.headers.origin !== undefined) return text(403, "Not from a browser.");
    if (this.#options.token === undefined && !isLoopback(request.socket.remoteAddress)) {
      return text(403, "Configure admin.token, or act from the machine itself.");
    }
    const [, pool = "", backend = "", verb] = action.map(decoded);
    const { source } = this.#options;
    const done = await (verb === "drain"
      ? source.drain(pool, backend)
      : source.undrain(pool, backend));
    if (!done) return json(404, { error: `there is no backend "${backend}" in a pool "${pool}"` });
    const pools = await source.pools();
    const row = pools.find((one) => one.pool === pool)?.backends.find((one) => one.id === backend);
    return json(200, row ?? {});
  }

  /** Of equal length by their hashes, so that the time of the comparison tells nothing. */
  #isTrusted(authorization: string | undefined): boolean {
    const { token } = this.#options;
    if (token === undefined) return true;
    const given = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    return given !== undefined && timingSafeEqual(hashOf(given), hashOf(token));
  }
}

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a lone percent sign: no name holds one
  }
}

function text(status: number, line: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: `${line}\n` };
}

function json(status: number, value: unknown): Answer {
  return { status, type: "application/json", body: `${JSON.stringify(value)}\n` };
}

function notAllowed(methods: readonly string[]): Answer {
  const allow = methods.join(", ");
  return { ...text(405, `Only ${allow} is allowed here.`), headers: { Allow: allow } };
}

/** RFC 6750 §3. */
function unauthorized(): Answer {
  const answer = text(401, "Send the admin token: Authorization: Bearer TOKEN.");
  return { ...answer, headers: { "WWW-Authenticate": "Bearer" } };
}

function send(response: ServerResponse, { status, type, body, headers }: Answer): void {
  response
    .writeHead(status, {
      "Content-Type": type,
      "Content-Length": Buffer.byteLength(body),
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      ...headers,
    })
    .end(body);
}
