import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Socket } from "node:net";
import { listen, type SocketAddress } from "../core/listen.ts";
import type { Clock } from "../core/clock.ts";
import type { RequestArrival } from "./forward.ts";
import { ignoreUntilClose } from "../core/ignore-error.ts";
import {
  adoptCertificates,
  followCertificates,
  secureOptions,
  type ListenerTls,
} from "./listener-tls.ts";
import { isWebSocketUpgrade, replayWithoutUpgrade } from "./other-upgrade.ts";
import { believed, ProxyHeaders } from "./proxy-header.ts";
import type { Arrival } from "./request.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";
import type { UpgradeArrival } from "./upgrade.ts";

/** Slow senders of headers are cut off; bodies may take as long as they flow. */
const HEADERS_TIMEOUT_MS = 10_000;
const CONNECTIONS_CHECK_MS = 2_000;
const TCP_KEEP_ALIVE_MS = 60_000;
/** Longer than the 60 s for which load balancers keep theirs: the one in front hangs up first. */
const KEEP_ALIVE_MS = 65_000;

/** What may change while it listens. */
export interface ListenerRules {
  readonly trustedProxies: TrustedProxies;
  /** Whether trusted peers begin with a PROXY header. */
  readonly proxyProtocol: boolean;
  readonly tls: ListenerTls | undefined;
}

export interface ListenerOptions extends ListenerRules {
  readonly address: SocketAddress;
  readonly clock: Clock;
  readonly onRequest: (arrival: RequestArrival) => void;
  readonly onUpgrade: (arrival: UpgradeArrival) => void;
  /** A trusted peer did not begin with a PROXY header. */
  readonly onMissingHeader: (peer: string) => void;
  /** A connection could not be accepted, as when the process has no file descriptor left. */
  readonly onError: (error: Error) => void;
}

/** One address that the edge listens at. */
export class Listener {
  readonly #server: Server;
  readonly #options: ListenerOptions;
  #rules: ListenerRules;
  /** Of a TLS listener, whose HTTP server knows nothing of a connection before its handshake. */
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#rules = options;
    const server = makeServer(options.tls, () => this.#rules.tls);
    this.#server = server;
    const secure = options.tls !== undefined;
    const arrivalOf = (socket: Socket): Arrival => ({
      peer: headers.of(socket)?.source.address ?? socket.remoteAddress ?? "",
      secure,
      trustedProxies: this.#rules.trustedProxies,
    });
    const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
      options.onRequest({ ...arrivalOf(message.socket), message, response });
    };
    const established = secure ? "secureConnection" : "connection";
    server
      .on("connection", (socket: Socket) => {
        socket.on("error", ignoreUntilClose);
        if (!secure) {
          // Whoever read its PROXY header has left it paused.
          socket.resume();
          return;
        }
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
      })
      .on(established, (socket: Socket) => {
        // Half-closed connections are for the tunnel to judge. Not before: a TLS handshake that is
        // broken off would stay half open until its time-out.
        socket.allowHalfOpen = true;
        socket.on("error", ignoreUntilClose);
      })
      .on("request", onRequest)
      // The client's wish for a 100 goes to the backend, whose place it is to grant it.
      .on("checkContinue", onRequest)
      .on("upgrade", (message: IncomingMessage, socket: Socket, early: Buffer) => {
        if (!isWebSocketUpgrade(message)) {
          replayWithoutUpgrade(message, { socket, early }, (fresh) => {
            server.emit(established, fresh);
          });
          return;
        }
        options.onUpgrade({ ...arrivalOf(socket), message, socket, early });
      });
    const { clock, onMissingHeader: onMissing } = options;
    const headers = new ProxyHeaders(server, {
      trusted: () => believed(this.#rules),
      clock,
      onMissing,
    });
  }

  /**
   * For connections from now on.
   *
   * @returns false when it would take another server
   */
  adopt(rules: ListenerRules): boolean {
    if (!adoptCertificates(this.#server, this.#rules.tls, rules.tls)) return false;
    this.#rules = rules;
    return true;
  }

  /** @throws StartError when the address is in use or not allowed */
  async listen(): Promise<string> {
    const address = await listen(this.#server, this.#options.address);
    this.#server.on("error", this.#options.onError);
    return address;
  }

  /**
   * Accepts nothing more. Kept-alive connections end with the answer under way.
   *
   * Resolves when the last connection, tunnels included, is closed.
   */
  stop(): Promise<void> {
    this.#rules.tls?.certificates[Symbol.dispose]();
    if (!this.#server.listening) return Promise.resolve();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    return closed;
  }

  /** Ends all connections at once, but for the tunnels of a plain listener, which own theirs. */
  async destroy(): Promise<void> {
    const closed = this.stop();
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function makeServer(tls: ListenerTls | undefined, current: () => ListenerTls | undefined): Server {
  const http = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
  };
  if (tls === undefined) return createServer(http);
  const server = createSecureServer({
    ...http,
    ...secureOptions(tls, current),
    ALPNProtocols: ["http/1.1"],
  });
  followCertificates(server, tls);
  return server;
}
