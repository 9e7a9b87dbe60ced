import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { BackendAddress } from "../core/backend.ts";
import type { Clock } from "../core/clock.ts";
import { systemCode } from "../core/errors.ts";
import { ignoreUntilClose } from "../core/ignore-error.ts";

/** No connection: the system's error code, or `ETIMEDOUT` or `ECANCELED` of our own making. */
export interface DialFailure {
  readonly failed: string;
}

/** How backends behind TLS are spoken to. */
export type BackendTls = Pick<ConnectionOptions, "ca" | "ALPNProtocols">;

export interface DialOptions {
  readonly tls: BackendTls;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Gives up at once: the client has left. */
  readonly signal: AbortSignal;
}

/**
 * Opens a connection to a backend, with its TLS handshake where it has one.
 *
 * @returns a socket that is not read yet, which the caller owns; it has an error handler
 */
export function dial(address: BackendAddress, options: DialOptions): Promise<Socket | DialFailure> {
  return new Promise((resolve) => {
    const socket = open(address, options.tls).on("error", ignoreUntilClose);
    const ready = address.kind === "tcp" && address.tls ? "secureConnect" : "connect";

    const settle = (failed: string | undefined): void => {
      timer.cancel();
      options.signal.removeEventListener("abort", onAbort);
      socket.off(ready, onReady).off("error", onError).off("close", onClose);
      if (failed === undefined) {
        resolve(socket);
        return;
      }
      socket.destroy();
      resolve({ failed });
    };
    const onReady = (): void => settle(undefined);
    const onError = (error: Error): void => settle(systemCode(error) ?? "ECONNRESET");
    const onClose = (): void => settle("ECONNRESET");
    const onAbort = (): void => settle("ECANCELED");

    const timer = options.clock.after(options.timeoutMs, () => settle("ETIMEDOUT"));
    options.signal.addEventListener("abort", onAbort);
    socket.on(ready, onReady).on("error", onError).on("close", onClose);
    if (options.signal.aborted) onAbort();
  });
}

function open(address: BackendAddress, tls: BackendTls): Socket {
  const common = { noDelay: true, allowHalfOpen: true };
  if (address.kind === "unix") return connectPlain({ path: address.path, ...common });
  const { host, port } = address;
  if (!address.tls) return connectPlain({ host, port, ...common });
  // An address is no server name (RFC 6066 §3).
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ...servername, ...tls, ...common });
}
