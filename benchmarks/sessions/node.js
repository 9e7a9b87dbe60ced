// The node that ../sessions.js measures: node.js ringway|socketIo BROKER-URL
import { once } from "node:events";
import { createServer } from "node:http";

const ROOM = "room";
const TEXT = "x".repeat(64);

const [peer, broker] = process.argv.slice(2);
// Whatever becomes of the parent, this ends with it.
process.on("disconnect", () => process.exit());

const server = createServer();
const publish = await { ringway, socketIo }[peer]();
process.on("message", async ({ type, count, isKept }) => {
  if (type === "cpu") process.send(process.cpuUsage());
  for (let i = 0; i < count; i++) await publish(isKept);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.send(server.address().port);

async function ringway() {
  const { WebSocketServer } = await import("ws");
  const { joinFleet } = await import("../../dist/backend/index.js");
  const fleet = await joinFleet({ id: "node", broker, shards: false });
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on("connection", (socket, request) => {
    socket.on("error", () => socket.terminate());
    const user = new URL(request.url, "ws://node").searchParams.get("user");
    fleet.accept(socket, request, { user, authorize: () => true });
  });
  const room = fleet.channel(ROOM);
  return (isKept) => room.publish(TEXT, isKept ? { delivery: "at-least-once" } : {});
}

async function socketIo() {
  const { Server } = await import("socket.io");
  const io = new Server(server, {
    connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
    transports: ["websocket"],
    perMessageDeflate: false,
    serveClient: false,
  });
  io.on("connection", (socket) => {
    if (!socket.recovered) void socket.join(ROOM);
  });
  return () => io.to(ROOM).emit("m", TEXT);
}
