// What does a message cost an edge, and how much more when its client speaks TLS? Clients send 64
// bytes, the backend answers 64 bytes, and the next one is sent then: no two share a system call.
// Counted is the processor time of the edge's process, user and system, for one message passed on.
// Run: npm run build && node benchmarks/edge-messages.js [--json FILE]
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { open } from "./edge/client.js";
import { startBoth } from "./edge/start.js";

const ROUNDS = 5;
const CONNECTIONS = 50;
const EXCHANGES = 1_000;
/** A masked binary frame of 64 bytes; the mask is nothing. */
const MESSAGE = Buffer.concat([Buffer.from([0x82, 0x80 | 64, 0, 0, 0, 0]), Buffer.alloc(64)]);

const { values } = parseArgs({ options: { json: { type: "string" } } });
const rows = [];
for (const tls of [false, true]) rows.push(await measure(tls));
console.log(`Node.js ${process.version}, ${CONNECTIONS} connections, medians of ${ROUNDS} rounds`);
console.table(rows);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ node: process.version, rows })}\n`);
}
process.exit();

async function measure(tls) {
  const both = await startBoth({ tls });
  const sockets = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    sockets.push(await open({ port: both.port, tls, session: `session-${i}` }));
  }
  const exchange = () => Promise.all(sockets.map(talk));
  await exchange();
  const costs = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = await both.ask("cpu");
    await exchange();
    costs.push(((await both.ask("cpu")) - before) / (2 * CONNECTIONS * EXCHANGES));
  }
  for (const socket of sockets) socket.destroy();
  await both.stop();
  costs.sort((a, b) => a - b);
  const median = costs[ROUNDS >> 1];
  return {
    client: tls ? "TLS 1.3" : "plain",
    "CPU µs a message": Number(median.toFixed(1)),
    "least to most": `${costs[0].toFixed(1)} to ${costs.at(-1).toFixed(1)}`,
    "a core, messages/s": Math.round(1e6 / median),
  };
}

async function talk(socket) {
  for (let i = 0; i < EXCHANGES; i++) {
    socket.write(MESSAGE);
    await once(socket, "data");
  }
}
