import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import type { FleetOptions } from "../../src/backend/fleet-options.ts";
import type { Fleet } from "../../src/backend/fleet.ts";
import { joinFleet } from "../../src/backend/join-fleet.ts";
import { startRelay, type Relay } from "./relay.ts";
import { whenDone } from "./when-done.ts";

const SCRIPTS = new URL("../../dist/client/", import.meta.url);
const PAGE_SCRIPT = new URL("client-page.js", import.meta.url);
const PAGE = '<!doctype html><title>client</title><script type="module" src="/page.js"></script>';

export interface ClientNodeOptions extends Partial<FleetOptions> {
  readonly broker: string;
  /** Channels whose names begin so may not be used. */
  readonly forbidden?: string;
}

/** A node that lets clients do what they ask for; `?user=ann` says who they are. */
export interface ClientNode {
  readonly fleet: Fleet;
  readonly port: number;
  /** The address of a page with a client: see client-page.js. */
  readonly page: string;
  readonly url: string;
}

let started = 0;

export async function startClientNode({
  forbidden,
  ...options
}: ClientNodeOptions): Promise<ClientNode> {
  const fleet = await joinFleet({ id: `client-node-${++started}`, shards: false, ...options });
  whenDone(() => fleet.leave({ overMs: 0 }));
  const http = createServer((request, response) => void serve(request, response));
  const sockets = new WebSocketServer({ server: http });
  sockets.on("connection", (socket: WebSocket, request: IncomingMessage) => {
    socket.on("error", () => undefined); // its close tells the rest
    const user = new URL(request.url ?? "", "ws://node").searchParams.get("user");
    const authorize = ({ channel }: { readonly channel: string }): boolean =>
      forbidden === undefined || !channel.startsWith(forbidden);
    fleet.accept(socket, request, { authorize, ...(user !== null && { user }) });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  whenDone(() => {
    for (const socket of sockets.clients) socket.terminate();
    sockets.close();
    http.closeAllConnections();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  return { fleet, port, page: `http://127.0.0.1:${port}/`, url: `ws://127.0.0.1:${port}/ws` };
}

/** The same node behind a network that can be cut. */
export async function behindRelay(
  { port }: ClientNode,
  path = "/ws",
): Promise<{ readonly relay: Relay; readonly url: string }> {
  const relay = await startRelay(port);
  return { relay, url: `ws://127.0.0.1:${relay.port}${path}` };
}

/** A page with a client, and the shipped files of the client library. */
async function serve({ url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = ""] = url.split("?");
  const isScript = /^\/[\w-]+\.js$/.test(path);
  response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
  if (path === "/page.js") response.end(await readFile(PAGE_SCRIPT));
  else response.end(isScript ? await readFile(new URL(`.${path}`, SCRIPTS)) : PAGE);
}
