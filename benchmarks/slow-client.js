// What does one client that has stopped reading cost the 499 others of its room? A node publishes
// texts of 4 KiB, a few at a time, as fast as its clients take them. The others' latency, from the
// publish to the arrival, is measured in turns: everybody reads, one does not, and so on.
// Run: npm run build && node benchmarks/slow-client.js [--slow drop|close] [--rounds N] [--json FILE]
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { createHistogram } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Registry } from "prom-client";
import { WebSocketServer } from "ws";
import { joinFleet } from "../dist/backend/index.js";

const CLIENTS = 500;
const TEXT_BYTES = 4096;
const AT_ONCE = 5;
const ROUND_MS = 6000;
const BUFFERED_BYTES = 2 ** 18;

if (process.argv[2] === "--clients") await beClients(Number(process.argv[3]));
else await run();

async function run() {
  const { values } = parseArgs({
    options: {
      slow: { type: "string", default: "drop" },
      rounds: { type: "string", default: "4" },
      json: { type: "string" },
    },
  });
  const metrics = new Registry();
  const limits = { bufferedBytes: BUFFERED_BYTES };
  const fleet = await joinFleet({
    id: "node",
    broker: "memory:",
    slow: values.slow,
    limits,
    metrics,
  });
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const connections = [];
  sockets.on("connection", (socket, request) => {
    const connection = fleet.accept(socket, request);
    void connection.join("room");
    connections.push(connection);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const clients = fork(fileURLToPath(import.meta.url), ["--clients", server.address().port]);
  clients.on("exit", () => process.exit(1));
  await once(clients, "message");

  const rows = [];
  await publishFor(ROUND_MS, false); // to warm up
  for (let round = 0; round < Number(values.rounds); round++) {
    rows.push(await publishFor(ROUND_MS, false), await publishFor(ROUND_MS, true));
  }
  console.log(`Node.js ${process.version}, slow: ${values.slow}, ${CLIENTS} clients`);
  console.table(rows);
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ node: process.version, slow: values.slow, rows })}\n`,
    );
  }
  process.exit();

  async function publishFor(ms, isOneStuck) {
    clients.send({ type: "begin", isOneStuck });
    const end = performance.now() + ms;
    const before = await dropped();
    let messages = 0;
    let waiting = 0;
    while (performance.now() < end) {
      const arrived = once(clients, "message");
      for (let i = 0; i < AT_ONCE; i++) {
        const now = String(process.hrtime.bigint());
        await fleet.channel("room").publish(now.padEnd(TEXT_BYTES, " "));
      }
      messages += AT_ONCE;
      await arrived;
      for (const { bufferedBytes } of connections) waiting = Math.max(waiting, bufferedBytes);
    }
    clients.send({ type: "end" });
    const [latency] = await once(clients, "message");
    return {
      "not reading": isOneStuck ? 1 : 0,
      messages,
      "p50 ms": latency.p50,
      "p99 ms": latency.p99,
      "max ms": latency.max,
      "KiB waiting": Math.round(waiting / 1024),
      dropped: (await dropped()) - before,
    };
  }

  async function dropped() {
    const [{ value }] = (
      await metrics.getSingleMetric("ringway_fleet_messages_dropped_total").get()
    ).values;
    return value;
  }
}

/** Frames of a server: no mask, and here all of one length. */
async function beClients(port) {
  const frameBytes = TEXT_BYTES + 4;
  let histogram = createHistogram();
  let arrived = 0;
  let readers = CLIENTS;
  const sockets = [];
  process.on("disconnect", () => process.exit());
  for (let i = 0; i < CLIENTS; i++) sockets.push(await open());
  process.on("message", async ({ type, isOneStuck }) => {
    if (type === "begin") {
      histogram = createHistogram();
      readers = isOneStuck ? CLIENTS - 1 : CLIENTS;
      if (isOneStuck) sockets[0].pause();
      return;
    }
    const [p50, p99] = [50, 99].map((percent) => histogram.percentile(percent));
    const { max } = histogram;
    if (readers < CLIENTS) {
      sockets[0].destroy();
      sockets[0] = await open();
    }
    const ms = (ns) => Number((ns / 1e6).toFixed(2));
    process.send({ p50: ms(p50), p99: ms(p99), max: ms(max) });
  });
  process.send("open");

  async function open() {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.write(
      `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n` +
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await once(socket, "data");
    let rest = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const now = process.hrtime.bigint();
      while (bytes.length >= frameBytes) {
        const sent = BigInt(bytes.toString("latin1", 4, 30).trimEnd());
        histogram.record(now - sent || 1n);
        if (socket !== sockets[0] || readers === CLIENTS) arrived++;
        bytes = bytes.subarray(frameBytes);
      }
      rest = bytes;
      if (arrived >= readers * AT_ONCE) {
        arrived -= readers * AT_ONCE;
        process.send("arrived");
      }
    });
    return socket;
  }
}
