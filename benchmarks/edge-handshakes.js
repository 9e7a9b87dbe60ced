// What does an upgrade cost an edge? Counted is the processor time of the edge's process, user and
// system, from the client's SYN to the end of its connection; client and backend have their own. One
// core does 1,000,000 of these µs a second.
// Run: npm run build && node benchmarks/edge-handshakes.js [--json FILE]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { open, ticketOf } from "./edge/client.js";
import { startBoth } from "./edge/start.js";
import { startServer } from "./servers.js";

const ROUNDS = 5;
const UPGRADES = 4_000;
const AT_ONCE = 32;

const { values } = parseArgs({ options: { json: { type: "string" } } });
const redis = await startServer("redis");
const cases = [
  { name: "plain", tls: false },
  { name: "plain, sessions in Redis", tls: false, redis: redis.url },
  { name: "TLS 1.3, P-256", tls: true },
  { name: "TLS 1.3, resumed", tls: true, resumes: true },
  { name: "TLS 1.3, P-256, sessions in Redis", tls: true, redis: redis.url },
];
const rows = [];
for (const one of cases) rows.push(await measure(one));
console.log(`Node.js ${process.version}, medians of ${ROUNDS} rounds of ${UPGRADES} upgrades`);
console.table(rows);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ node: process.version, rows })}\n`);
}
redis.child.kill("SIGKILL");

async function measure({ name, tls, resumes, redis: url }) {
  const both = await startBoth({ tls, redis: url });
  const ticket = resumes ? await ticketOf(both.port) : undefined;
  const options = { port: both.port, tls, ticket };
  await upgrades(options, "warm-up");
  const costs = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = await both.ask("cpu");
    await upgrades(options, `round-${round}`);
    costs.push(((await both.ask("cpu")) - before) / UPGRADES);
  }
  await both.stop();
  costs.sort((a, b) => a - b);
  const median = costs[ROUNDS >> 1];
  return {
    upgrade: name,
    "CPU µs": Math.round(median),
    "least to most": `${Math.round(costs[0])} to ${Math.round(costs.at(-1))}`,
    "a core, upgrades/s": Math.round(1e6 / median),
  };
}

async function upgrades(options, round) {
  let next = 0;
  const work = async () => {
    while (next < UPGRADES) {
      const socket = await open({ ...options, session: `${round}-${next++}` });
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
