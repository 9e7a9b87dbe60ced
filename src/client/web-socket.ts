/** Of an event of a WebSocket, what the client reads. */
export interface SocketEvent {
  readonly type: string;
  /** Of `message`. */
  readonly data?: unknown;
  /** Of `close`. */
  readonly code?: number;
  readonly reason?: string;
}

/** What the client needs of a WebSocket: the browser's, that of Node.js, or that of `ws`. */
export interface WebSocketLike {
  readonly protocol: string;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(
    type: "open" | "message" | "error" | "close",
    listener: (event: SocketEvent) => void,
  ): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** What `ws` can do besides. */
export interface NodeSocket extends WebSocketLike {
  on(event: "unexpected-response", listener: (request: unknown, response: Refusal) => void): void;
  terminate(): void;
}

/** How a handshake was refused. */
export interface Refusal {
  readonly statusCode?: number;
  readonly headers: { readonly "retry-after"?: string | undefined };
}

export function isNodeSocket(socket: WebSocketLike): socket is NodeSocket {
  return "on" in socket && "terminate" in socket;
}
