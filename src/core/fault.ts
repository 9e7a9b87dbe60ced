/** Who a fault is laid at: the label that metrics and logs carry. */
export type FaultSource = "client" | "backend" | "edge" | "store" | "broker";

interface FaultRow {
  readonly source: FaultSource;
  /** HTTP status, while the response has not begun. */
  readonly status: number;
  /** WebSocket close code, once the tunnel is open (RFC 6455 §7.4, IANA registry). */
  readonly closeCode: number;
  /** Whether the same request may succeed when it is sent again. */
  readonly retryable: boolean;
  readonly message: string;
}

/**
 * The one table from fault code to what a client sees: an HTTP status before the upgrade is
 * answered, a close code after. Codes are stable: logs, metrics and response bodies carry them.
 */
export const faults = {
  bad_request: fault("client", 400, 1002, false, "The request is malformed."),
  bad_upgrade: fault("client", 400, 1002, false, "The WebSocket upgrade is malformed."),
  unsupported_version: fault(
    "client",
    426,
    1002,
    false,
    "Only WebSocket version 13 is spoken here (RFC 6455).",
  ),
  origin_denied: fault("client", 403, 1008, false, "This origin may not connect here."),
  no_route: fault("client", 404, 1008, false, "No route matches this host and path."),
  client_gone: fault("client", 499, 1001, true, "The client left before it was answered."),
  no_backend: fault("edge", 503, 1013, true, "No backend can be reached. Try again shortly."),
  shutting_down: fault("edge", 503, 1001, true, "This edge is shutting down. Connect again."),
  internal: fault("edge", 500, 1011, true, "The edge failed. Its log says why."),
  handshake_timeout: fault("backend", 504, 1013, true, "The backend did not answer in time."),
  backend_reset: fault("backend", 502, 1012, true, "The backend closed before it answered."),
  bad_handshake: fault("backend", 502, 1014, false, "The backend's handshake is not valid."),
  protocol_error: fault("client", 400, 1002, false, "The peer broke the framing rules."),
  message_too_big: fault("client", 413, 1009, false, "The message is over the size limit."),
  bad_backend_frame: fault("backend", 502, 1014, true, "The backend broke the framing rules."),
  backend_message_too_big: fault(
    "backend",
    502,
    1014,
    true,
    "The backend's message is over the size limit.",
  ),
  backend_lost: fault("backend", 502, 1012, true, "The backend is gone. Connect again."),
  idle_timeout: fault("edge", 408, 1001, true, "Nothing was sent for the idle time-out."),
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof faults;

function fault(
  source: FaultSource,
  status: number,
  closeCode: number,
  retryable: boolean,
  message: string,
): FaultRow {
  return { source, status, closeCode, retryable, message };
}
