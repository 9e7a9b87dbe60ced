import { Client } from "./client.ts";
import { RingwayClientError } from "./client-error.ts";
import { systemEnvironment, type Environment } from "./environment.ts";
import { Session } from "./session.ts";
import type { WebSocketConstructor } from "./web-socket.ts";

const DEFAULTS = {
  retry: { firstMs: 1_000, maxMs: 30_000 },
  timeoutMs: 10_000,
  limits: { messages: 1_000, bytes: 4 * 1024 * 1024 },
};

export interface ConnectOptions {
  /**
   * A token of yours, 22 to 128 of `A–Z a–z 0–9 _ -`, to be kept like a password. By default one is
   * made; in browsers the tab keeps it, so that a reload resumes the session.
   */
  readonly session?: string;
  /** Where the server reads the token: `?session=TOKEN`, or the subprotocol `session.TOKEN`. */
  readonly sessionIn?: "query" | "subprotocol";
  /** The class to use, that of `ws` for example; the global one by default. */
  readonly WebSocket?: WebSocketConstructor;
  /** Closes the client. */
  readonly signal?: AbortSignal;
  /** Milliseconds: the first and the largest limit of the delays before connecting again. */
  readonly retry?: { readonly firstMs?: number; readonly maxMs?: number };
  /** Milliseconds, for connecting and for an answer to a ping. */
  readonly timeoutMs?: number;
  /** Of messages that are not confirmed. */
  readonly limits?: { readonly messages?: number; readonly bytes?: number };
}

/**
 * Connects to a fleet.
 *
 * @param url `wss:`, `ws:`, `https:`, `http:`, or relative to the page
 * @throws RingwayClientError `bad_option`, `aborted`
 */
export function connect(url: string | URL, options: ConnectOptions = {}): Client {
  return connectIn(systemEnvironment, url, options);
}

/** The same with a given time, chance and page. */
export function connectIn(
  environment: Environment,
  url: string | URL,
  options: ConnectOptions,
): Client {
  const { session, sessionIn = "query", WebSocket = environment.WebSocket, signal } = options;
  const { timeoutMs = DEFAULTS.timeoutMs } = options;
  if (signal?.aborted === true) {
    const cause: unknown = signal.reason;
    throw new RingwayClientError("aborted", "the signal is aborted", { cause });
  }
  if (WebSocket === undefined) {
    throw new RingwayClientError(
      "bad_option",
      "WebSocket: there is no global one; give that of ws",
    );
  }
  const retry = { ...DEFAULTS.retry, ...options.retry };
  const limits = { ...DEFAULTS.limits, ...options.limits };
  checkNumbers({ timeoutMs, ...retry, ...limits });
  const server = serverOf(url, environment.baseUrl);
  return new Client({
    ...{ environment, WebSocket, server, sessionIn, retry, timeoutMs, limits, signal },
    session: new Session(environment, server, session),
  });
}

function serverOf(url: string | URL, baseUrl: string | undefined): URL {
  let server: URL;
  try {
    server = new URL(url, baseUrl);
  } catch (cause) {
    throw noServer(url, cause);
  }
  if (!/^(ws|http)s?:$/.test(server.protocol)) throw noServer(url);
  server.protocol = server.protocol.replace("http", "ws");
  server.hash = "";
  return server;
}

function noServer(url: string | URL, cause?: unknown): RingwayClientError {
  const reason = `url: ${String(url)} is no address of a WebSocket server`;
  return new RingwayClientError("bad_option", reason, { cause });
}

function checkNumbers(numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value > 0))
      throw new RingwayClientError("bad_option", `${name}: ${value} is not above 0`);
  }
}
