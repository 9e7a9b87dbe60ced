import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";
import { acceptOf } from "../../src/wire/upgrade.ts";
import { WebSocketServer, type ServerOptions, type WebSocket } from "ws";

export interface TestBackend {
  readonly id: string;
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Sockets that were accepted and are not closed yet. */
  readonly sockets: ReadonlySet<Socket>;
  /** Drops the listener and every connection, as the death of a process does. */
  kill(): Promise<void>;
}

export interface BackendBehaviour {
  readonly webSocket?: (socket: WebSocket, request: IncomingMessage) => void;
  readonly http?: RequestListener;
  readonly options?: ServerOptions;
  readonly port?: number;
}

/** An ordinary backend, `ws` on Node.js's HTTP server, that knows nothing of the edge. */
export async function startBackend(
  id: string,
  behaviour: BackendBehaviour = {},
): Promise<TestBackend> {
  const server = createServer(behaviour.http ?? ((_, response) => response.end(id)));
  const webSockets = new WebSocketServer({
    server,
    maxPayload: 64 * 1024 * 1024,
    ...behaviour.options,
  });
  webSockets.on("connection", behaviour.webSocket ?? echo);
  return trackServer(id, server, behaviour.port ?? 0);
}

/** Any server as a backend: for peers that break rules. */
export async function trackServer(id: string, server: Server, port = 0): Promise<TestBackend> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).once("close", () => sockets.delete(socket));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const bound = (server.address() as AddressInfo).port;
  const kill = async (): Promise<void> => {
    const closed = server.listening ? once(server, "close") : Promise.resolve();
    if (server.listening) server.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  onTestFinished(kill);
  return { id, url: `http://127.0.0.1:${bound}`, port: bound, server, sockets, kill };
}

/** A backend that shakes hands, then does with the bare socket what the test likes. */
export async function startRawBackend(then: (socket: Socket) => void): Promise<TestBackend> {
  const server = createServer();
  server.on("upgrade", (request, socket: Socket) => {
    const accept = acceptOf(request.headers["sec-websocket-key"] ?? "");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    then(socket);
  });
  return trackServer("raw", server);
}

/** Sends every message back as it came. */
function echo(socket: WebSocket): void {
  socket.on("error", () => socket.terminate());
  socket.on("message", (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }));
}

/** Says the backend's id first, then echoes. */
export function greetAs(id: string): (socket: WebSocket) => void {
  return (socket) => {
    socket.send(id);
    echo(socket);
  };
}
