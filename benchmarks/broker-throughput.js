// How many messages a second does a broker carry from one node to another? One node publishes on 50
// channels as fast as the library lets it, another hears them all; texts of 64 bytes. Processor time
// of each of the three says which of them was the limit, and what a core of the broker would do.
// Run: npm run build && node benchmarks/broker-throughput.js [--json FILE]
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { joinFleet } from "../dist/backend/index.js";
import { startServer } from "./servers.js";

const CHANNELS = Array.from({ length: 50 }, (_, i) => `channel:${i}`);
const TEXT = "x".repeat(64);
const WARM_UP_MS = 2_000;
const ROUND_MS = 5_000;
const ROUNDS = 3;
/** Of /proc/PID/stat. */
const US_A_TICK = 10_000;

if (process.argv[2] === "--node") await beNode(process.argv[3], process.argv[4]);
else await run();

async function run() {
  const { values } = parseArgs({ options: { json: { type: "string" } } });
  const rows = [];
  for (const kind of ["redis", "nats"]) rows.push(await visit(kind));
  console.log(`Node.js ${process.version}, medians of ${ROUNDS} rounds of ${ROUND_MS} ms`);
  console.table(rows);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ node: process.version, rows })}\n`);
  }
  process.exit();
}

async function visit(kind) {
  const server = await startServer(kind);
  const nodes = ["listener", "publisher"].map((role) =>
    fork(fileURLToPath(import.meta.url), ["--node", role, server.url]),
  );
  await Promise.all(nodes.map((node) => once(node, "message")));
  for (const node of nodes) node.send("begin");
  await pause(WARM_UP_MS);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const pids = [server.child, ...nodes].map(({ pid }) => pid);
    const read = async () => ({ cpu: pids.map(cpuUs), count: await ask(nodes[0]) });
    const before = await read();
    await pause(ROUND_MS);
    const after = await read();
    const messages = after.count - before.count;
    const each = after.cpu.map((us, i) => (us - before.cpu[i]) / messages);
    rounds.push({ perSecond: (messages * 1_000) / ROUND_MS, each });
  }
  for (const child of [...nodes, server.child]) child.kill("SIGKILL");
  const { perSecond, each } = rounds.toSorted((a, b) => a.perSecond - b.perSecond)[ROUNDS >> 1];
  const [broker, listener, publisher] = each;
  return {
    broker: kind,
    "messages/s": Math.round(perSecond),
    "CPU µs a message: broker": Number(broker.toFixed(2)),
    publisher: Number(publisher.toFixed(2)),
    listener: Number(listener.toFixed(2)),
    "a core of the broker, messages/s": Math.round(1e6 / broker),
  };
}

function cpuUs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * US_A_TICK;
}

async function ask(node) {
  node.send("count");
  const [count] = await once(node, "message");
  return count;
}

async function beNode(role, broker) {
  process.on("disconnect", () => process.exit());
  const fleet = await joinFleet({ id: role, broker });
  const channels = CHANNELS.map((name) => fleet.channel(name));
  let count = 0;
  if (role === "listener") {
    await Promise.all(channels.map((channel) => channel.subscribe(() => void count++)));
  }
  let isBegun = false;
  process.on("message", (said) => {
    if (said === "begin") isBegun = true;
    else process.send(count);
  });
  process.send("joined");
  while (!isBegun) await pause(5);
  for (let i = 0; role === "publisher"; i++) {
    await channels[i % channels.length].publish(TEXT).catch(() => turn()); // the queue is full
    if (i % 100 === 0) await turn();
  }
}
