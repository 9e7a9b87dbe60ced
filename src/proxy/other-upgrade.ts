import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { eachHeader } from "../wire/headers.ts";

const dropped: ReadonlySet<string> = new Set(["connection", "upgrade", "http2-settings"]);

/** An upgrade in HTTP/1.0 is to be ignored (RFC 9110 §7.8). */
export function isWebSocketUpgrade(message: IncomingMessage): boolean {
  const { headers, httpVersion } = message;
  return httpVersion !== "1.0" && headers.upgrade?.trim().toLowerCase() === "websocket";
}

/**
 * A server may ignore an upgrade to a protocol that it does not speak (RFC 9110 §7.8): Java's HTTP
 * client and curl offer `h2c` with ordinary requests. Node.js takes every upgrade off its parser, so
 * the request is put back in front of the connection, without its offer, to be read again.
 *
 * @param readAgain hands the connection to the server as if it were new
 */
export function replayWithoutUpgrade(
  message: IncomingMessage,
  connection: { readonly socket: Socket; readonly early: Buffer },
  readAgain: (socket: Socket) => void,
): void {
  let head = `${message.method ?? "GET"} ${message.url ?? "/"} HTTP/${message.httpVersion}\r\n`;
  for (const [name, value] of eachHeader(message.rawHeaders)) {
    if (!dropped.has(name.toLowerCase())) head += `${name}: ${value}\r\n`;
  }
  const { socket, early } = connection;
  socket.unshift(Buffer.concat([Buffer.from(`${head}\r\n`, "latin1"), early]));
  readAgain(socket);
}
