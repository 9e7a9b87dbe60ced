// A backend that takes every upgrade, and answers whatever comes with one message of 64 bytes.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 §1.3
/** An unmasked binary frame. */
const ANSWER = Buffer.concat([Buffer.from([0x82, 64]), Buffer.alloc(64)]);

const server = createServer();
server.on("upgrade", ({ headers }, socket) => {
  const accept = createHash("sha1").update(`${headers["sec-websocket-key"]}${GUID}`);
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      `Sec-WebSocket-Accept: ${accept.digest("base64")}\r\n\r\n`,
  );
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.end());
  socket.on("data", () => socket.write(ANSWER));
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
  process.send(server.address().port);
});
process.on("disconnect", () => process.exit());
