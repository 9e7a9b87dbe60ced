import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { hostOf, probeOver, USER_AGENT, type Probe, type ProbeOptions } from "./probe.ts";

const PAYLOAD = Buffer.from("health");

/** A real upgrade at `path`, a ping that is answered, and a Close. */
export const websocketProbe: Probe = (backend, options) =>
  probeOver(backend, options, (socket) => ping(socket, hostOf(backend), options));

function ping(
  socket: Socket,
  host: string,
  { path, signal }: ProbeOptions,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    // TLS, where there is any, is spoken on the socket already.
    const client = new WebSocket(`ws://${host}${path}`, {
      createConnection: () => socket,
      headers: { "User-Agent": USER_AGENT },
      perMessageDeflate: false,
      maxPayload: 1024 * 1024,
    });
    signal.addEventListener("abort", () => client.terminate(), { once: true });
    client
      .on("open", () => client.ping(PAYLOAD))
      .on("pong", (data: Buffer) => {
        if (!data.equals(PAYLOAD)) return;
        // The socket is destroyed behind it: the backend sees an end that was announced.
        client.close(1000);
        resolve(undefined);
      })
      .on("unexpected-response", (_, { statusCode = 0 }) => resolve(`status ${statusCode}`))
      .on("error", () => resolve("no WebSocket"))
      .on("close", () => resolve("closed"));
  });
}
