import type { Server, Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import { plainAddress } from "../wire/forwarded.ts";
import { parseProxyHeader, type ProxiedConnection } from "../wire/proxy-protocol.ts";
import { ignoreUntilClose } from "../core/ignore-error.ts";
import { peek } from "./peek.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

/** The header is the first thing that a proxy sends: who hesitates is none. */
const HEADER_TIMEOUT_MS = 5_000;

export interface ProxyHeadersOptions {
  /** Asked for each connection: whose header is believed; undefined for nobody's. */
  readonly trusted: () => TrustedProxies | undefined;
  readonly clock: Clock;
  /** A trusted peer sent something else than a header: its connection is closed. */
  readonly onMissing: (peer: string) => void;
}

/** Those whose header a listener with these rules believes. */
export function believed(rules: {
  readonly proxyProtocol: boolean;
  readonly trustedProxies: TrustedProxies;
}): TrustedProxies | undefined {
  return rules.proxyProtocol ? rules.trustedProxies : undefined;
}

/**
 * Reads the PROXY header (HAProxy's PROXY protocol, v1 and v2) of connections from trusted peers
 * before their server sees them. Others are served as they are: what they send under that name is
 * not believed.
 */
export class ProxyHeaders {
  readonly #options: ProxyHeadersOptions;
  /**
   * By the connection's own addresses, which are what a TLS socket has in common with the socket
   * below it.
   */
  readonly #proxied = new Map<string, ProxiedConnection>();

  /** @param server all of its listeners for connections are there already */
  constructor(server: Server, options: ProxyHeadersOptions) {
    this.#options = options;
    const next = server.listeners("connection") as ((socket: Socket) => void)[];
    server.removeAllListeners("connection").on("connection", (socket: Socket) => {
      socket.on("error", ignoreUntilClose);
      const handOn = (): void => {
        for (const listener of next) listener.call(server, socket);
      };
      if (options.trusted()?.has(plainAddress(socket.remoteAddress ?? "")) === true) {
        void this.#read(socket, handOn);
      } else handOn();
    });
  }

  /** Undefined when no header told otherwise: the socket's own addresses stand. */
  of(socket: Socket): ProxiedConnection | undefined {
    return this.#proxied.get(keyOf(socket));
  }

  async #read(socket: Socket, handOn: () => void): Promise<void> {
    const { clock, onMissing } = this.#options;
    const peer = socket.remoteAddress ?? "";
    const header = await peek(
      socket,
      (received) => {
        const parsed = parseProxyHeader(received);
        return typeof parsed === "string" ? parsed : { found: parsed, taken: parsed.bytes };
      },
      { clock, timeoutMs: HEADER_TIMEOUT_MS },
    );
    if (header === undefined) {
      if (!socket.destroyed) onMissing(peer);
      socket.destroy();
      return;
    }
    if (socket.destroyed) return;
    if (header.connection !== undefined) {
      const key = keyOf(socket);
      this.#proxied.set(key, header.connection);
      socket.once("close", () => this.#proxied.delete(key));
    }
    handOn();
  }
}

function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)} ${String(localAddress)}`;
}
