// What do very many channels cost a node of a fleet? 10,000 clients are in 100 of 100,000 channels
// each: 1,000,000 memberships. Counted are the bytes and the processor time of this process alone,
// which is the node; clients and Redis have their own. A message must cost what it costs when there
// are few channels.
// Run: npm run build && node benchmarks/memberships.js [--broker memory|redis] [--json FILE]
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { joinFleet } from "../dist/backend/index.js";
import { WebSocketServer } from "ws";
import { startServer } from "./servers.js";

const CLIENTS = 10_000;
const CHANNELS = 100_000;
const CHANNELS_A_CLIENT = 100;
const FEW_CHANNELS = 100;
const PUBLISHES = 20_000;
const AT_ONCE = 200;

if (process.argv[2] === "--clients") await beClients(Number(process.argv[3]));
else await run();

async function run() {
  const { values } = parseArgs({
    options: { broker: { type: "string", default: "memory" }, json: { type: "string" } },
  });
  const collect = collector();
  const redis = values.broker === "redis" ? await startServer("redis") : undefined;
  const broker = redis?.url ?? "memory:";
  const fleet = await joinFleet({ id: "node", broker, graceMs: 0 });
  const connections = [];
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => connections.push(fleet.accept(socket, request)));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const clients = fork(fileURLToPath(import.meta.url), ["--clients", server.address().port]);
  await once(clients, "message");

  const few = connections.slice(0, FEW_CHANNELS * 10);
  await changeAll(few, (connection, i) => connection.join(`few:${i % FEW_CHANNELS}`));
  await publishes(fleet, (i) => `few:${i % FEW_CHANNELS}`); // to warm up
  const fewUs = await publishes(fleet, (i) => `few:${i % FEW_CHANNELS}`);

  const before = collect();
  const name = (i, k) => `channel:${(i * CHANNELS_A_CLIENT + k * 997) % CHANNELS}`;
  const joinUs = await changeAll(connections, async (connection, i) => {
    const joins = [];
    for (let k = 0; k < CHANNELS_A_CLIENT; k++) joins.push(connection.join(name(i, k)));
    await Promise.all(joins);
  });
  const after = collect();
  const memberships = connections.reduce((sum, { channels }) => sum + channels.size, 0);
  const fewOfManyUs = await publishes(fleet, (i) => name(i % FEW_CHANNELS, 0));
  const manyUs = await publishes(fleet, (i) => `channel:${(i * 4_999) % CHANNELS}`);
  const leaveUs = await changeAll(connections, (connection, i) => {
    for (let k = 0; k < CHANNELS_A_CLIENT; k++) connection.leave(name(i, k));
  });
  const count = CLIENTS * CHANNELS_A_CLIENT;
  const result = {
    broker: values.broker,
    memberships: memberships - few.length,
    "bytes a membership": Math.round((after - before) / count),
    "MiB in all": Math.round((after - before) / 2 ** 20),
    "join, CPU µs": round(joinUs / count),
    "leave, CPU µs": round(leaveUs / count),
    [`message to 10 clients, CPU µs: in ${FEW_CHANNELS} channels, all there are`]: round(fewUs),
    [`in ${FEW_CHANNELS} of ${CHANNELS} channels`]: round(fewOfManyUs),
    [`in each of ${CHANNELS} channels in turn, so that no cache helps`]: round(manyUs),
  };
  console.log(`Node.js ${process.version}`);
  console.table(result);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ node: process.version, ...result })}\n`);
  }
  clients.kill("SIGKILL");
  process.exit();
}

/** @returns the processor time of it all, in µs */
async function changeAll(connections, change) {
  const start = process.cpuUsage();
  for (let at = 0; at < connections.length; at += AT_ONCE) {
    const some = connections.slice(at, at + AT_ONCE);
    await Promise.all(some.map((connection, i) => change(connection, at + i)));
  }
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

/** @returns the processor time of one publish, delivery included, in µs */
async function publishes(fleet, channelOf) {
  const start = process.cpuUsage();
  for (let i = 0; i < PUBLISHES; i++) {
    await fleet.channel(channelOf(i)).publish("x".repeat(64));
    await turn();
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / PUBLISHES;
}

/** @returns collects garbage, and says how many bytes are left in use */
function collector() {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  return () => {
    gc();
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
}

async function beClients(port) {
  process.on("disconnect", () => process.exit());
  for (let i = 0; i < CLIENTS; i++) {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.write(
      `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n` +
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await once(socket, "data");
    socket.resume();
  }
  process.send("open");
}

function round(number) {
  return Number(number.toPrecision(3));
}
