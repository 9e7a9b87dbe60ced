import cluster from "node:cluster";
import type { Server } from "node:net";
import { describeError, StartError, systemCode } from "./errors.ts";

/** Where to listen. */
export type SocketAddress =
  { readonly host: string; readonly port: number } | { readonly path: string };

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "the address is in use by another process",
  EACCES: "no permission (ports below 1024 need CAP_NET_BIND_SERVICE)",
  EADDRNOTAVAIL: "this machine does not have that address",
  ENOTFOUND: "the host name is not known",
};

/**
 * Whether each worker accepts for itself: Node.js can let several processes listen at one port since
 * 23.1. Before, the first process accepts and hands on in turn.
 */
export function acceptsItself(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1);
}

/**
 * @returns the address in words, with the port that the system chose for port 0
 * @throws StartError when the address is in use or not allowed
 */
export async function listen(server: Server, address: SocketAddress): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const onError = (cause: Error): void => {
      const reason = reasons[systemCode(cause) ?? ""] ?? describeError(cause);
      const message = `cannot listen at ${formatAddress(address)}: ${reason}`;
      reject(new StartError(message, { cause }));
    };
    const reusePort = cluster.isWorker && acceptsItself() && "port" in address;
    server.once("error", onError).listen({ ...address, ...(reusePort && { reusePort }) }, () => {
      server.off("error", onError);
      resolve();
    });
  });
  const bound = server.address();
  if (bound === null) throw new StartError(`${formatAddress(address)} was closed at once`);
  if (typeof bound === "string") return formatAddress({ path: bound });
  return formatAddress({ host: bound.address, port: bound.port });
}

/** `host:port`, `[::1]:port` or `unix:/path`: what configuration is written in. */
export function formatAddress(address: SocketAddress): string {
  if ("path" in address) return `unix:${address.path}`;
  const { host, port } = address;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
