// What do delivery that survives a lost connection, and a session that resumes, cost a node in
// processor time? Ringway's at-least-once delivery, where each message is stored and each client
// acknowledges it, beside its at-most-once delivery, and Socket.IO's connection state recovery, where
// the server keeps what it sent and clients acknowledge nothing.
// Run: npm run build && node benchmarks/sessions.js [--rounds N] [--json FILE]
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startServer } from "./servers.js";
import { CLIENTS } from "./sessions/clients.js";

const SESSIONS = 500;
const MESSAGES = 100;
const MISSED = 20;
/** Sessions that come back a second. */
const RATE = 1_000;

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, json: { type: "string" } },
});
const redis = await startServer("redis");
const rows = [];
for (const broker of ["memory:", redis.url]) {
  rows.push(await measure("Ringway, at least once", { peer: "ringway", broker, isKept: true }));
  rows.push(await measure("Ringway, at most once", { peer: "ringway", broker, isKept: false }));
}
rows.push(
  await measure("Socket.IO, recovery", { peer: "socketIo", broker: "memory:", isKept: true }),
);
console.log(`Node.js ${process.version}, ${SESSIONS} sessions, medians of ${values.rounds} rounds`);
console.table(rows);
if (values.json !== undefined) {
  const said = { node: process.version, sessions: SESSIONS, missed: MISSED, rows };
  writeFileSync(values.json, `${JSON.stringify(said)}\n`);
}
process.exit();

async function measure(name, { peer, broker, isKept }) {
  const node = fork(fileURLToPath(new URL("sessions/node.js", import.meta.url)), [peer, broker]);
  const [port] = await once(node, "message");
  const cpu = async () => {
    node.send({ type: "cpu" });
    const [{ user, system }] = await once(node, "message");
    return user + system;
  };
  const publish = (count) => node.send({ type: "publish", count, isKept });
  const make = (i) => new CLIENTS[peer](port, { user: `user-${i}`, isKept });
  const clients = Array.from({ length: SESSIONS }, (_, i) => make(i));
  await Promise.all(clients.map((client) => client.connect()));

  const before = await cpu();
  await Promise.all(clients.map((client) => client.join()));
  const joined = (await cpu()) - before;

  const [deliveries, resumes, slowest] = [[], [], []];
  for (let round = 0; round < Number(values.rounds); round++) {
    const start = await cpu();
    for (let i = 0; i < MESSAGES; i++) {
      const all = Promise.all(clients.map((client) => client.received(1)));
      publish(1);
      await all;
    }
    deliveries.push(((await cpu()) - start) / MESSAGES / SESSIONS);
    if (!isKept) continue;
    for (const client of clients) client.drop();
    await pause(500);
    publish(MISSED);
    await pause(500);
    const away = await cpu();
    const times = await Promise.all(
      clients.map(async (client, i) => {
        await pause((i * 1_000) / RATE);
        const began = performance.now();
        const all = client.received(MISSED);
        await client.connect();
        await client.join();
        await all;
        return performance.now() - began;
      }),
    );
    resumes.push(((await cpu()) - away) / SESSIONS);
    slowest.push(Math.max(...times));
  }
  node.kill();
  await once(node, "exit");
  return {
    name,
    broker: broker.split(":", 1)[0],
    "join with presence, µs": peer === "ringway" ? round(joined / SESSIONS) : undefined,
    "delivery, µs": round(median(deliveries)),
    [`resume and ${MISSED} missed, µs`]: isKept ? round(median(resumes)) : undefined,
    "slowest resume, ms": isKept ? round(median(slowest)) : undefined,
  };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function round(number) {
  return Number(number.toPrecision(3));
}
