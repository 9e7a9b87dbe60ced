import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import type { FaultCode } from "../core/fault.ts";
import { forwardingHeaders, isForwardingHeader } from "../wire/forwarded.ts";
import { eachHeader, isHopByHop, listMembers, type RawHeaders } from "../wire/headers.ts";
import { parseResponseHead, type ResponseHead } from "../wire/response-head.ts";
import type { EdgeRequest } from "./request.ts";

/** A backend's answer to an upgrade, with what has already arrived behind its head. */
export interface Answer {
  readonly head: ResponseHead;
  readonly rest: Buffer;
}

export interface HandshakeOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Gives up at once: the client has left. */
  readonly signal: AbortSignal;
}

/**
 * Sends an upgrade to a backend and reads the head of its answer. Interim answers (RFC 9110 §15.2)
 * other than 101 are passed over.
 *
 * @param socket connected, with an error handler; left paused after an answer, destroyed after a
 *   fault
 */
export function shakeHands(
  socket: Socket,
  request: string,
  options: HandshakeOptions,
): Promise<Answer | FaultCode> {
  return new Promise((resolve) => {
    let received: Buffer | undefined;

    const settle = (result: Answer | FaultCode): void => {
      timer.cancel();
      options.signal.removeEventListener("abort", onAbort);
      socket.off("data", onData).off("end", onLost).off("close", onLost).pause();
      if (typeof result === "string") socket.destroy();
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      received = received === undefined ? chunk : Buffer.concat([received, chunk]);
      for (;;) {
        const head = parseResponseHead(received);
        if (head === "partial") return;
        if (head === "invalid") {
          settle("bad_handshake");
          return;
        }
        received = received.subarray(head.bytes);
        if (head.status >= 200 || head.status === 101) {
          settle({ head, rest: received });
          return;
        }
      }
    };
    const onLost = (): void => settle("backend_reset");
    const onAbort = (): void => settle("client_gone");
    const timer = options.clock.after(options.timeoutMs, () => settle("handshake_timeout"));

    options.signal.addEventListener("abort", onAbort);
    socket.on("data", onData).on("end", onLost).on("close", onLost);
    socket.write(request, "latin1");
    if (options.signal.aborted) onAbort();
  });
}

/**
 * The upgrade as it goes to a backend: the client's end-to-end fields as they came, the edge's own
 * forwarding fields, and nothing that meant the client's connection alone.
 */
export function upgradeRequest(request: EdgeRequest, session: string | undefined): string {
  const named = connectionOptions(request.rawHeaders);
  let text = `GET ${request.target.origin} HTTP/1.1\r\n`;
  if (request.path.host !== undefined) text += `Host: ${request.path.host}\r\n`;
  text += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  for (const [name, value] of eachHeader(request.rawHeaders)) {
    const lower = name.toLowerCase();
    if (lower === "host" || isHopByHop(lower) || isForwardingHeader(lower)) continue;
    if (named.has(lower)) continue;
    text += `${name}: ${value}\r\n`;
  }
  const forwarding = forwardingHeaders({ ...request.path, session });
  for (const [name, value] of eachHeader(forwarding)) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}

/** A backend's answer as it goes to the client, with another `Connection` field. */
export function answerHead(
  head: ResponseHead,
  connection: string,
  setCookie: string | undefined,
): string {
  const named = connectionOptions(head.headers);
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n${connection}`;
  for (const [name, value] of eachHeader(head.headers)) {
    const lower = name.toLowerCase();
    // How the body is framed goes with the body, which is passed on as it is.
    if (lower !== "transfer-encoding" && (isHopByHop(lower) || named.has(lower))) continue;
    text += `${name}: ${value}\r\n`;
  }
  if (setCookie !== undefined) text += `Set-Cookie: ${setCookie}\r\n`;
  return `${text}\r\n`;
}

/** Fields that `Connection` names are for this hop alone (RFC 9110 §7.6.1). */
function connectionOptions(headers: RawHeaders): ReadonlySet<string> {
  let options: string[] | undefined;
  for (const [name, value] of eachHeader(headers)) {
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue;
    options = [...(options ?? []), ...listMembers(value)];
  }
  if (options === undefined) return noOptions;
  // A client can't have the handshake's own fields dropped by naming them.
  return new Set(options.filter((option) => !option.startsWith("sec-websocket-")));
}

const noOptions: ReadonlySet<string> = new Set();
