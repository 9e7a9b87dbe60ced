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
  bad_request: {
    source: "client",
    status: 400,
    closeCode: 1002,
    retryable: false,
    message: "The request is malformed.",
  },
  bad_upgrade: {
    source: "client",
    status: 400,
    closeCode: 1002,
    retryable: false,
    message: "The WebSocket upgrade is malformed.",
  },
  unsupported_version: {
    source: "client",
    status: 426,
    closeCode: 1002,
    retryable: false,
    message: "Only WebSocket version 13 is spoken here (RFC 6455).",
  },
  origin_denied: {
    source: "client",
    status: 403,
    closeCode: 1008,
    retryable: false,
    message: "This origin may not connect here.",
  },
  token_rejected: {
    source: "client",
    status: 401,
    closeCode: 1008,
    retryable: false,
    message: "The token is forged, expired, or meant for somebody else.",
  },
  no_route: {
    source: "client",
    status: 404,
    closeCode: 1008,
    retryable: false,
    message: "No route matches this host and path.",
  },
  client_gone: {
    source: "client",
    status: 499,
    closeCode: 1001,
    retryable: true,
    message: "The client left before it was answered.",
  },
  no_backend: {
    source: "edge",
    status: 503,
    closeCode: 1013,
    retryable: true,
    message: "No backend can be reached. Try again shortly.",
  },
  pool_full: {
    source: "edge",
    status: 503,
    closeCode: 1013,
    retryable: true,
    message: "All backends have as much to do as they may. Try again shortly.",
  },
  too_many_handshakes: {
    source: "edge",
    status: 503,
    closeCode: 1013,
    retryable: true,
    message: "Too many clients connect at once. Try again shortly.",
  },
  draining: {
    source: "edge",
    status: 503,
    closeCode: 1012,
    retryable: true,
    message: "This backend is being emptied. Connect again.",
  },
  shutting_down: {
    source: "edge",
    status: 503,
    closeCode: 1001,
    retryable: true,
    message: "This edge is shutting down. Connect again.",
  },
  internal: {
    source: "edge",
    status: 500,
    closeCode: 1011,
    retryable: true,
    message: "The edge failed. Its log says why.",
  },
  handshake_timeout: {
    source: "backend",
    status: 504,
    closeCode: 1013,
    retryable: true,
    message: "The backend did not answer in time.",
  },
  backend_reset: {
    source: "backend",
    status: 502,
    closeCode: 1012,
    retryable: true,
    message: "The backend closed before it answered.",
  },
  bad_handshake: {
    source: "backend",
    status: 502,
    closeCode: 1014,
    retryable: false,
    message: "The backend's handshake is not valid.",
  },
  protocol_error: {
    source: "client",
    status: 400,
    closeCode: 1002,
    retryable: false,
    message: "The peer broke the framing rules.",
  },
  message_too_big: {
    source: "client",
    status: 413,
    closeCode: 1009,
    retryable: false,
    message: "The message is over the size limit.",
  },
  bad_backend_frame: {
    source: "backend",
    status: 502,
    closeCode: 1014,
    retryable: true,
    message: "The backend broke the framing rules.",
  },
  backend_message_too_big: {
    source: "backend",
    status: 502,
    closeCode: 1014,
    retryable: true,
    message: "The backend's message is over the size limit.",
  },
  backend_lost: {
    source: "backend",
    status: 502,
    closeCode: 1012,
    retryable: true,
    message: "The backend is gone. Connect again.",
  },
  keepalive_timeout: {
    source: "client",
    status: 408,
    closeCode: 1001,
    retryable: true,
    message: "The peer does not answer pings any more.",
  },
  idle_timeout: {
    source: "edge",
    status: 408,
    closeCode: 1001,
    retryable: true,
    message: "Nothing was sent for the idle time-out.",
  },
} as const satisfies Record<string, FaultRow>;

export type FaultCode = keyof typeof faults;
