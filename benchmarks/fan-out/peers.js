// What is compared in ../fan-out.js, by name. Each peer takes connections of an HTTP server into one
// room, says when one has joined, and gives back how a message is published to the room of all nodes.
// Imports stand in the functions: no peer carries the modules of another.

export const PEERS = {
  "Socket.IO": { open: socketIo, handshake: "engine.io" },
  ws: { open: ws, handshake: "none" },
  "one frame written": { open: oneFrame, handshake: "none" },
  Ringway: { open: ringway, handshake: "none" },
};

const ROOM = "room";

async function socketIo({ server, redisPort, joined }) {
  const { Server } = await import("socket.io");
  const { createAdapter } = await import("@socket.io/redis-adapter");
  const [publisher, subscriber] = await redisClients(redisPort);
  const io = new Server(server, {
    adapter: createAdapter(publisher, subscriber),
    transports: ["websocket"],
    perMessageDeflate: false,
    serveClient: false,
  });
  io.on("connection", async (socket) => {
    await socket.join(ROOM);
    joined();
  });
  // Behind the adapter's own subscriptions.
  await subscriber.ping();
  return (text) => io.to(ROOM).emit("m", text);
}

async function ws({ server, redisPort, joined }) {
  const room = await roomOf(server, joined);
  const [publisher, subscriber] = await redisClients(redisPort);
  subscriber.on("message", (_channel, text) => {
    for (const socket of room) socket.send(text);
  });
  await subscriber.subscribe(ROOM);
  return (text) => publisher.publish(ROOM, text);
}

async function oneFrame({ server, redisPort, joined }) {
  const room = await roomOf(server, joined);
  const [publisher, subscriber] = await redisClients(redisPort);
  subscriber.on("messageBuffer", (_channel, payload) => {
    // FIN and text; a length below 126 needs one byte (RFC 6455 section 5.2).
    const frame = Buffer.concat([Buffer.from([0x81, payload.length]), payload]);
    for (const socket of room) socket._socket.write(frame);
  });
  await subscriber.subscribe(ROOM);
  return (text) => publisher.publish(ROOM, text);
}

async function ringway({ server, redisPort, id, joined }) {
  const { WebSocketServer } = await import("ws");
  const { joinFleet } = await import("../../dist/backend/index.js");
  const fleet = await joinFleet({ id, broker: `redis://127.0.0.1:${redisPort}`, shards: false });
  const wss = new WebSocketServer({ server, perMessageDeflate: false });
  wss.on("connection", async (socket, request) => {
    const connection = fleet.accept(socket, request);
    await connection.join(ROOM);
    joined();
  });
  const channel = fleet.channel(ROOM);
  return (text) => channel.publish(text);
}

async function roomOf(server, joined) {
  const { WebSocketServer } = await import("ws");
  const room = new Set();
  const wss = new WebSocketServer({ server, perMessageDeflate: false });
  wss.on("connection", (socket) => {
    room.add(socket);
    socket.on("close", () => room.delete(socket));
    joined();
  });
  return room;
}

/** One to publish, one that is subscribed and can do nothing else. */
async function redisClients(port) {
  const { Redis } = await import("ioredis");
  const publisher = new Redis(port, "127.0.0.1");
  return [publisher, publisher.duplicate()];
}
