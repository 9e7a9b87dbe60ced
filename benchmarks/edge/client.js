import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

/**
 * Opens one WebSocket through the edge and waits for its 101.
 *
 * @param tls the edge terminates TLS. @param ticket a TLS session to resume
 */
export async function open({ port, session, tls, ticket }) {
  const host = "127.0.0.1";
  const socket = tls
    ? connectTls({ port, host, rejectUnauthorized: false, session: ticket })
    : connect({ port, host });
  socket.on("error", () => socket.destroy());
  socket.write(
    `GET /?session=${session} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: Upgrade\r\n` +
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const [answer] = await once(socket, "data");
  if (!String(answer).startsWith("HTTP/1.1 101")) throw new Error(String(answer).slice(0, 80));
  return socket;
}

/** @returns a ticket with which later connections can skip the certificate */
export async function ticketOf(port) {
  const socket = await open({ port, session: "first", tls: true });
  const ticket = socket.getSession();
  socket.destroy();
  return ticket;
}
