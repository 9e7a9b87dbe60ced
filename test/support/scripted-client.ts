import { WebSocket } from "ws";
import type { Client } from "../../src/client/client.ts";
import { connect, type ConnectOptions } from "../../src/client/connect.ts";
import type { WebSocketConstructor } from "../../src/client/web-socket.ts";
import { ScriptedNode, type ScriptedConnection } from "./scripted-node.ts";
import { whenDone } from "./when-done.ts";

/** Every WebSocket that there is here: Node.js has one of its own from version 22 on. */
export const webSockets: readonly (readonly [string, WebSocketConstructor])[] = [
  ["ws", WebSocket],
  ...("WebSocket" in globalThis
    ? [["Node.js", globalThis.WebSocket as WebSocketConstructor] as const]
    : []),
];

/** Quick to connect again, and closed with the test. */
export function openClient(url: string, options: ConnectOptions = {}): Client {
  const client = connect(url, { WebSocket, retry: { firstMs: 5, maxMs: 20 }, ...options });
  whenDone(() => client.close());
  return client;
}

/** A client with its first connection to a scripted node. */
export async function startClient(options: ConnectOptions = {}): Promise<{
  readonly node: ScriptedNode;
  readonly client: Client;
  readonly connection: ScriptedConnection;
}> {
  const node = await ScriptedNode.start();
  const client = openClient(node.url, options);
  const connection = (await node.accept()).welcome();
  return { node, client, connection };
}
