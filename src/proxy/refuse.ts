import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { faults, type FaultCode } from "../core/fault.ts";

/** Clients come back spread over this time, in whole seconds; after a storm over more. */
const RETRY_WITHIN_SECONDS = 3;
const STORM_RETRY_WITHIN_SECONDS = 10;
/** How long a refused client may take to read why and to hang up. */
const LINGER_MS = 2_000;

interface Refusal {
  readonly code: FaultCode;
  /** In place of the fault's own message. */
  readonly detail?: string | undefined;
}

/** Answers a plain HTTP request with a fault, unless its answer has begun: then it is cut short. */
export function refuseRequest(response: ServerResponse, code: FaultCode, random: Random): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, headers, body } = refusal({ code }, random);
  response.writeHead(status, headers).end(body);
}

/** Answers an upgrade with a fault and ends the connection. */
export function refuseUpgrade(
  socket: Socket,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  fault: Refusal,
): void {
  const { status, headers, body } = refusal(fault, random);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  if (socket.writable) socket.end(`${head}\r\n${body}`);
  linger(socket, clock);
}

/**
 * Waits for the peer's own end before the socket is destroyed: a reset that overtakes the last
 * bytes would take them away from it (RFC 9112 §9.6).
 */
export function linger(socket: Socket, clock: Clock): void {
  const timer = clock.after(LINGER_MS, () => socket.destroy());
  socket.once("close", () => timer.cancel());
  if (socket.closed) timer.cancel();
  else socket.resume();
}

function refusal({ code, detail }: Refusal, random: Random) {
  const { status, message, retryable } = faults[code];
  const body = `${JSON.stringify({ error: code, message: detail ?? message })}\n`;
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    "Content-Length": String(Buffer.byteLength(body)),
    "Cache-Control": "no-store",
    Connection: "close",
  };
  if (status === 503 && retryable) {
    const within =
      code === "too_many_handshakes" ? STORM_RETRY_WITHIN_SECONDS : RETRY_WITHIN_SECONDS;
    headers["Retry-After"] = String(1 + Math.floor(random.fraction() * within));
  }
  // RFC 6750 §3.1.
  if (status === 401) headers["WWW-Authenticate"] = 'Bearer error="invalid_token"';
  if (status === 426) {
    // RFC 6455 §4.4 and RFC 9110 §15.5.22.
    headers["Sec-WebSocket-Version"] = "13";
    headers["Upgrade"] = "websocket";
    headers["Connection"] = "close, Upgrade";
  }
  return { status, headers, body };
}
