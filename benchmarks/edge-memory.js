// How much memory does an edge need for a connection? Idle tunnels are opened in steps; counted is
// what the edge's process has more, resident and in use (V8's heap and what it holds outside), after
// a collection. The kernel's socket buffers are not in it: two sockets a tunnel.
// Run: npm run build && node benchmarks/edge-memory.js [--json FILE]; ulimit -n must be 20,000.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { open } from "./edge/client.js";
import { startBoth } from "./edge/start.js";

const WARM_UP = 1_000;
const CONNECTIONS = 8_000;
const AT_ONCE = 50;

const { values } = parseArgs({ options: { json: { type: "string" } } });
const rows = [];
for (const tls of [false, true]) rows.push(await measure(tls));
console.log(`Node.js ${process.version}, ${CONNECTIONS} idle connections`);
console.table(rows);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ node: process.version, rows })}\n`);
}
process.exit();

async function measure(tls) {
  const both = await startBoth({ tls });
  const sockets = await opened(WARM_UP, { port: both.port, tls });
  const before = await both.ask("memory");
  sockets.push(...(await opened(CONNECTIONS, { port: both.port, tls })));
  const after = await both.ask("memory");
  for (const socket of sockets) socket.destroy();
  await both.stop();
  const each = (name) => Number(((after[name] - before[name]) / CONNECTIONS / 1024).toFixed(1));
  return {
    connection: tls ? "TLS 1.3" : "plain",
    "KiB resident": each("rss"),
    "KiB in use": each("used"),
    "MiB of an edge without any": Math.round(before.rss / 2 ** 20),
  };
}

async function opened(count, options) {
  const sockets = [];
  const work = async () => {
    while (sockets.length < count) {
      const place = sockets.push(undefined) - 1;
      sockets[place] = await open({ ...options, session: `session-${place}-${count}` });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return sockets;
}
