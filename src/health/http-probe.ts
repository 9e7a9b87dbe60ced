import type { Socket } from "node:net";
import { parseResponseHead } from "../wire/response-head.ts";
import { hostOf, probeOver, USER_AGENT, type Probe } from "./probe.ts";

/** `GET path` is answered with 200 to 399. The body is not waited for. */
export const httpProbe: Probe = (backend, options) =>
  probeOver(backend, options, (socket) => {
    socket.write(
      `GET ${options.path} HTTP/1.1\r\nHost: ${hostOf(backend)}\r\n` +
        `User-Agent: ${USER_AGENT}\r\nConnection: close\r\n\r\n`,
    );
    return readStatus(socket);
  });

function readStatus(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const head = parseResponseHead(received);
        if (head === "partial") return;
        if (head === "invalid") {
          resolve("no HTTP");
          return;
        }
        if (head.status >= 200) {
          resolve(head.status < 400 ? undefined : `status ${head.status}`);
          return;
        }
        received = received.subarray(head.bytes);
      }
    });
    socket.on("end", () => resolve("closed"));
  });
}
