// What does it cost a node to deliver a message to one of its WebSockets, when it comes through Redis?
// Two nodes with 250 sockets each are in one room; texts of 64 bytes go to all of them. Every socket
// must get each message exactly once, in order. What is counted is the processor time of both nodes,
// user and system, that of their kernel's loopback included, and the IPC that tells them to publish.
// Run: npm run build && node benchmarks/fan-out.js [--rounds N] [--only PEER]… [--json FILE]
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { PEERS } from "./fan-out/peers.js";
import { startServer } from "./servers.js";

const NODES = ["node-1", "node-2"];
const SOCKETS = 500;
const ROUND_MS = 2000;
const WARM_UP_MS = 500;
/** For all of one peer in one round: whoever waits longer for a message has lost it. */
const LIMIT_MS = 30_000;
/** How many messages a node publishes in one tick. The next ones wait until every socket has these. */
const LOADS = { "one at a time": 1, burst: 50 };

const NODE = fileURLToPath(new URL("fan-out/node.js", import.meta.url));
const CLIENTS = fileURLToPath(new URL("fan-out/clients.js", import.meta.url));

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", multiple: true, default: Object.keys(PEERS) },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds);
if (!(rounds >= 1)) stop("--rounds must be a number from 1");
for (const name of options.only) {
  if (!(name in PEERS)) stop(`--only is one of: ${Object.keys(PEERS).join(", ")}`);
}

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop(signal));

const redis = await startServer("redis");
running.add(redis.child);

const measured = [];
for (let round = 0; round < rounds; round++) {
  // Each peer comes first in some round, and behind each other one.
  const shift = round % options.only.length;
  for (const peer of [...options.only.slice(shift), ...options.only.slice(0, shift)]) {
    measured.push(...(await visit(peer)).map((result) => ({ round, peer, ...result })));
  }
}
const rows = options.only.flatMap((peer) => Object.keys(LOADS).map((load) => summary(peer, load)));
console.log(
  `Node.js ${process.version}, ${NODES.length} nodes, ${SOCKETS} sockets, medians of ${rounds} rounds`,
);
console.table(rows);
if (options.json !== undefined) {
  writeFileSync(options.json, `${JSON.stringify({ node: process.version, rows, measured })}\n`);
}
await Promise.all([...running].map(end));

/** One round of a peer, in processes that are new to it: no peer inherits a heap, none idles beside. */
async function visit(peer) {
  const late = setTimeout(() => stop(`${peer}: a message or an answer is missing`), LIMIT_MS);
  const nodes = NODES.map((id) => start(NODE, [peer, id, redis.port]));
  const ports = await Promise.all(nodes.map(said));
  const clients = start(CLIENTS, [PEERS[peer].handshake, SOCKETS, ...ports]);
  await said(clients);
  while (sum(await askAll(nodes, "members")) < SOCKETS) await pause(10);

  const fleet = { nodes, clients, published: 0 };
  for (const count of Object.values(LOADS)) await publishFor(WARM_UP_MS, { fleet, count });
  const results = [];
  for (const [load, count] of Object.entries(LOADS)) {
    results.push({ load, ...(await measure(fleet, count)) });
  }
  // Time for what was sent twice to come.
  await pause(50);
  const [counts] = await askAll([clients], "counts");
  if (counts.some((got) => got !== fleet.published)) {
    stop(`${peer}: of ${fleet.published} messages, sockets got ${counts.join(", ")}`);
  }
  await Promise.all([...nodes, clients].map(end));
  clearTimeout(late);
  return results;
}

async function measure(fleet, count) {
  const read = () => askAll([...fleet.nodes, fleet.clients], "cpu");
  const before = await read();
  const start = performance.now();
  const messages = await publishFor(ROUND_MS, { fleet, count });
  const elapsedUs = (performance.now() - start) * 1000;
  const spent = (await read()).map(({ user, system }, i) => ({
    user: user - before[i].user,
    system: system - before[i].system,
  }));
  const clients = spent.pop();
  const deliveries = messages * SOCKETS;
  const [user, system] = [sum(spent.map((s) => s.user)), sum(spent.map((s) => s.system))];
  return {
    messages,
    costUs: (user + system) / deliveries,
    systemUs: system / deliveries,
    perSecond: (deliveries / elapsedUs) * 1e6,
    nodesPercent: ((user + system) / elapsedUs) * 100,
    clientsPercent: ((clients.user + clients.system) / elapsedUs) * 100,
  };
}

/** @returns how many messages every socket got meanwhile */
async function publishFor(ms, { fleet, count }) {
  const { nodes, clients } = fleet;
  clients.send({ type: "group", count });
  await said(clients);
  const first = fleet.published;
  const end = performance.now() + ms;
  for (let turn = 0; performance.now() < end; turn++) {
    const arrived = said(clients);
    nodes[turn % nodes.length].send({ type: "publish", from: fleet.published, count });
    await arrived;
    fleet.published += count;
  }
  return fleet.published - first;
}

function summary(peer, load) {
  const results = measured.filter((result) => result.peer === peer && result.load === load);
  const median = (name) => {
    const sorted = results.map((result) => result[name]).toSorted((a, b) => a - b);
    return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[sorted.length >> 1]) / 2;
  };
  const costs = results.map(({ costUs }) => costUs.toFixed(2)).toSorted((a, b) => a - b);
  return {
    peer,
    load,
    "CPU µs a delivery": Number(median("costUs").toFixed(2)),
    "least to most": `${costs[0]} to ${costs.at(-1)}`,
    "of it system": Number(median("systemUs").toFixed(2)),
    "deliveries/s": Math.round(median("perSecond")),
    "nodes, % of a core": Math.round(median("nodesPercent")),
    "clients, % of a core": Math.round(median("clientsPercent")),
  };
}

function start(file, args) {
  const child = fork(file, args.map(String));
  running.add(child);
  child.on("exit", () => {
    if (running.delete(child)) stop(`${file} ${args.join(" ")} has ended`);
  });
  return child;
}

async function end(child) {
  running.delete(child);
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

function askAll(children, type) {
  return Promise.all(
    children.map((child) => {
      const answer = said(child);
      child.send({ type });
      return answer;
    }),
  );
}

async function said(child) {
  const [message] = await once(child, "message");
  return message;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function stop(message) {
  console.error(message);
  process.exit(1);
}
