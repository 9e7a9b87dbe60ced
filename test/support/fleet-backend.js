// A backend in a process of its own: says its id, echoes, answers health checks.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const [id, port] = process.argv.slice(2);
const server = createServer((_, response) => response.end(id));
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on("connection", (socket) => {
  socket.on("error", () => socket.terminate());
  socket.on("message", (data, binary) => socket.send(data, { binary }));
  socket.send(id);
});
server.listen(Number(port), "127.0.0.1", () => process.send(server.address().port));
