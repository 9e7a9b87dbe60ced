import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer, type ServerOptions } from "ws";
import type { Connection } from "../../src/backend/connection.ts";
import type { FleetOptions } from "../../src/backend/fleet-options.ts";
import type { ConnectionOptions, Fleet } from "../../src/backend/fleet.ts";
import { joinFleet } from "../../src/backend/join-fleet.ts";
import { whenDone } from "./when-done.ts";

/** A node of a fleet with a WebSocket server of its own. */
export interface FleetNode {
  readonly fleet: Fleet;
  readonly url: string;
  /** A client of this node, and its connection there. */
  connect(options?: ConnectionOptions, protocols?: readonly string[]): Promise<FleetClient>;
}

export interface FleetClient {
  readonly socket: WebSocket;
  readonly connection: Connection;
  /** Texts, and the bytes of binary messages as latin1. */
  readonly got: string[];
}

let started = 0;

type NodeOptions = Partial<FleetOptions> & Pick<FleetOptions, "broker">;

/** @param options or what makes them of the node's `http://` URL */
export async function startNode(
  options: NodeOptions | ((url: string) => NodeOptions),
  server: ServerOptions = {},
): Promise<FleetNode> {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http, ...server });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  whenDone(() => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    http.closeAllConnections();
    http.close();
  });
  const address = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  const made = typeof options === "function" ? options(`http://${address}`) : options;
  const fleet = await joinFleet({ id: `node-${++started}`, ...made });
  whenDone(() => fleet.leave({ overMs: 0 }));
  const url = `ws://${address}`;
  const accepted: ((socket: WebSocket, request: IncomingMessage) => void)[] = [];
  sockets.on("connection", (socket: WebSocket, request: IncomingMessage) => {
    accepted[Number(request.url?.slice(1))]?.(socket, request);
  });
  return {
    fleet,
    url,
    async connect(options = {}, protocols = []) {
      const path = `/${accepted.length}`;
      const connected = new Promise<Connection>((resolve) => {
        accepted.push((socket, request) => resolve(fleet.accept(socket, request, options)));
      });
      const socket = new WebSocket(url + path, [...protocols]);
      const got: string[] = [];
      socket.on("message", (data: Buffer, isBinary) => {
        got.push(data.toString(isBinary ? "latin1" : "utf8"));
      });
      await once(socket, "open");
      return { socket, connection: await connected, got };
    },
  };
}
