// A node in a process of its own: each client is a member of all channels. `/USER?session=SESSION`
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { joinFleet } from "../../dist/backend/index.js";

const [options, ...channels] = process.argv.slice(2);
const fleet = await joinFleet(JSON.parse(options));
const server = createServer();
const sockets = new WebSocketServer({ server });

sockets.on("connection", (socket, request) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const user = pathname.slice(1);
  const connection = fleet.accept(socket, request, { user, session: searchParams.get("session") });
  socket.on("error", () => socket.terminate());
  const joins = channels.map((name) => connection.join(name, { presence: { name: user } }));
  void Promise.all(joins).then(() => socket.send("joined"));
});
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
