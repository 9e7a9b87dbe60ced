import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import { dial, type BackendTls } from "../upstream/dial.ts";

export interface ProbeOptions {
  /** Of the request, where the kind of check sends one. */
  readonly path: string;
  readonly tls: BackendTls;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Gives up at once. */
  readonly signal: AbortSignal;
}

/** @returns what is wrong with the backend, in few words; undefined when it is healthy */
export type Probe = (backend: LiveBackend, options: ProbeOptions) => Promise<string | undefined>;

export const USER_AGENT = "ringway-health";

/**
 * Connects to a backend, asks it something, and hangs up.
 *
 * @param ask settles with what is wrong, or undefined; what it leaves open ends with the socket
 */
export async function probeOver(
  backend: LiveBackend,
  options: ProbeOptions,
  ask: (socket: Socket) => Promise<string | undefined>,
): Promise<string | undefined> {
  const { tls, timeoutMs, clock, signal } = options;
  const startMs = clock.nowMs();
  const dialled = await dial(backend.address, { tls, timeoutMs, clock, signal });
  if ("failed" in dialled) return dialled.failed;
  const leftMs = Math.max(1, timeoutMs - (clock.nowMs() - startMs));
  return new Promise((resolve) => {
    const settle = (cause: string | undefined): void => {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
      dialled.off("close", onClose).destroy();
      resolve(cause);
    };
    const onAbort = (): void => settle("aborted");
    const onClose = (): void => settle("closed");
    const timer = clock.after(leftMs, () => settle("timeout"));
    signal.addEventListener("abort", onAbort);
    dialled.on("close", onClose);
    ask(dialled).then(settle, () => settle("failed"));
    if (signal.aborted) onAbort();
  });
}

/** The `Host` of a request to this backend. */
export function hostOf({ address }: LiveBackend): string {
  if (address.kind === "unix") return "localhost";
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
