import { createServer, type Server, type Socket } from "node:net";
import { createServer as createSecureServer } from "node:tls";
import type { Clock } from "../core/clock.ts";
import { listen, type SocketAddress } from "../core/listen.ts";
import { parseClientHello, UNRECOGNIZED_NAME } from "../wire/client-hello.ts";
import { plainAddress } from "../wire/forwarded.ts";
import type { ProxiedConnection } from "../wire/proxy-protocol.ts";
import type { ConnectionArrival } from "./connection.ts";
import { hostMatches } from "./host-pattern.ts";
import { ignoreUntilClose } from "../core/ignore-error.ts";
import {
  adoptCertificates,
  followCertificates,
  secureOptions,
  type ListenerTls,
} from "./listener-tls.ts";
import { peek } from "./peek.ts";
import { believed, ProxyHeaders } from "./proxy-header.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

const HELLO_TIMEOUT_MS = 10_000;
const TCP_KEEP_ALIVE_MS = 60_000;

/** What may change while it listens. */
export interface TcpListenerRules {
  readonly trustedProxies: TrustedProxies;
  /** Whether trusted peers begin with a PROXY header. */
  readonly proxyProtocol: boolean;
  /** Absent: TLS, if it is spoken, is passed through. */
  readonly tls: ListenerTls | undefined;
  /** Where connections go whose server name is not among `sni`. */
  readonly pool: string | undefined;
  /** Server names, or `*.example.com`, to pools. Without it nothing of TLS is looked at. */
  readonly sni: Readonly<Record<string, string>> | undefined;
}

export interface TcpListenerOptions extends TcpListenerRules {
  readonly address: SocketAddress;
  readonly clock: Clock;
  readonly onConnection: (arrival: ConnectionArrival) => void;
  /** A trusted peer did not begin with a PROXY header. */
  readonly onMissingHeader: (peer: string) => void;
  /** A connection could not be accepted, as when the process has no file descriptor left. */
  readonly onError: (error: Error) => void;
}

/** One address at which the edge takes TCP connections of any protocol (layer 4). */
export class TcpListener {
  readonly #options: TcpListenerOptions;
  readonly #server: Server;
  readonly #headers: ProxyHeaders;
  #rules: TcpListenerRules;
  /** Connections that no tunnel owns yet. */
  readonly #arriving = new Set<Socket>();

  constructor(options: TcpListenerOptions) {
    const { tls, clock, onMissingHeader: onMissing } = options;
    this.#options = options;
    this.#rules = options;
    this.#server = makeServer(tls, () => this.#rules.tls)
      .on("connection", (socket: Socket) => {
        socket.on("error", ignoreUntilClose);
        this.#arriving.add(socket);
        socket.once("close", () => this.#arriving.delete(socket));
      })
      .on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
        socket.on("error", ignoreUntilClose);
        socket.allowHalfOpen = true;
        void this.#arrived(socket);
      });
    const trusted = (): TrustedProxies | undefined => believed(this.#rules);
    this.#headers = new ProxyHeaders(this.#server, { trusted, clock, onMissing });
  }

  /**
   * For connections from now on.
   *
   * @returns false when it would take another server
   */
  adopt(rules: TcpListenerRules): boolean {
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

  /** Accepts nothing more. Resolves when the last connection is closed. */
  stop(): Promise<void> {
    this.#rules.tls?.certificates[Symbol.dispose]();
    if (!this.#server.listening) return Promise.resolve();
    return new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Ends all connections at once. */
  async destroy(): Promise<void> {
    const closed = this.stop();
    for (const socket of this.#arriving) socket.destroy();
    await closed;
  }

  async #arrived(socket: Socket): Promise<void> {
    const { sni, tls } = this.#rules;
    const connection = this.#headers.of(socket) ?? ownConnection(socket);
    let servername = tls === undefined ? undefined : nameOf(socket);
    if (tls === undefined && sni !== undefined) {
      const hello = await this.#hello(socket);
      if (hello === undefined) {
        socket.destroy();
        return;
      }
      servername = hello.servername;
    }
    const pool = this.#poolFor(servername);
    // A client that speaks TLS is told which of its wishes can't be met (RFC 6066 §3).
    if (pool === undefined && tls === undefined) socket.write(UNRECOGNIZED_NAME);
    this.#options.onConnection({ socket, connection, servername, pool });
  }

  #hello(socket: Socket): Promise<{ readonly servername: string | undefined } | undefined> {
    const read = (received: Buffer) => {
      const hello = parseClientHello(received);
      return typeof hello === "string" ? hello : { found: hello, taken: 0 };
    };
    return peek(socket, read, { clock: this.#options.clock, timeoutMs: HELLO_TIMEOUT_MS });
  }

  #poolFor(servername: string | undefined): string | undefined {
    const { sni = {}, pool } = this.#rules;
    if (servername === undefined) return pool;
    const exact = Object.hasOwn(sni, servername) ? sni[servername] : undefined;
    if (exact !== undefined) return exact;
    return Object.entries(sni).find(([pattern]) => hostMatches(pattern, servername))?.[1] ?? pool;
  }
}

function makeServer(tls: ListenerTls | undefined, current: () => ListenerTls | undefined): Server {
  const options = {
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
    pauseOnConnect: tls === undefined,
  };
  if (tls === undefined) return createServer({ ...options, allowHalfOpen: true });
  const server = createSecureServer({ ...options, ...secureOptions(tls, current) });
  followCertificates(server, tls);
  return server;
}

/** What the client of a terminated TLS connection asked for; `false` or absent for none. */
function nameOf(socket: Socket): string | undefined {
  const { servername } = socket as { readonly servername?: unknown };
  return typeof servername === "string" ? servername.toLowerCase() : undefined;
}

function ownConnection(socket: Socket): ProxiedConnection {
  const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = socket;
  return {
    source: { address: plainAddress(remoteAddress), port: remotePort },
    destination: { address: plainAddress(localAddress), port: localPort },
  };
}
