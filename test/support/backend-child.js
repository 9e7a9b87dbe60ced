// A backend in a process of its own, to be killed: says its id, then sends without end.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
const message = Buffer.alloc(4096, "x");

server.on("connection", (socket) => {
  socket.on("error", () => socket.terminate());
  socket.send(process.argv[2]);
  const stream = () => {
    if (socket.readyState === socket.OPEN) socket.send(message, () => setTimeout(stream, 2));
  };
  stream();
});
server.on("listening", () => process.send(server.address().port));
