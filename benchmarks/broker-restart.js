// A broker is killed and comes back five seconds later, while two nodes publish to each other as fast
// as they can. How soon after it is back do messages arrive again, how much memory do the nodes take
// meanwhile, and is each message accounted for: arrived, or counted as missed, or refused?
// Run: npm run build && node benchmarks/broker-restart.js [--broker redis|nats] [--rounds N] [--json FILE]
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Registry } from "prom-client";
import { joinFleet } from "../dist/backend/index.js";
import { startServer } from "./servers.js";

const CHANNELS = 50;
const TEXT = "x".repeat(64);
const STEADY_MS = 4000;
const AWAY_MS = 5000;
const AGAIN_MS = 4000;

if (process.argv[2] === "--node") await beNode(process.argv[3], process.argv[4]);
else await run();

async function run() {
  const { values } = parseArgs({
    options: {
      broker: { type: "string", default: "redis" },
      rounds: { type: "string", default: "3" },
      json: { type: "string" },
    },
  });
  const rows = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    rows.push(...(await visit(values.broker)));
  }
  console.log(`Node.js ${process.version}, ${values.broker}, away for ${AWAY_MS} ms`);
  console.table(rows);
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ node: process.version, broker: values.broker, rows })}\n`,
    );
  }
  process.exit();
}

async function visit(kind) {
  const server = await startServer(kind);
  const nodes = ["a", "b"].map((id) =>
    fork(fileURLToPath(import.meta.url), ["--node", id, server.url]),
  );
  await Promise.all(nodes.map((node) => once(node, "message")));
  const tell = async (type) => {
    for (const node of nodes) node.send({ type });
    return (await Promise.all(nodes.map((node) => once(node, "message")))).map(([said]) => said);
  };
  await tell("begin");
  await pause(STEADY_MS);
  const steady = await tell("read");
  server.child.kill("SIGKILL");
  await once(server.child, "exit");
  await pause(AWAY_MS);
  const again = await startServer(kind, server.port);
  const backAt = Date.now();
  await tell("broker is back");
  await pause(AGAIN_MS);
  await tell("stop");
  await pause(1000);
  const ends = await tell("read");
  for (const node of nodes) node.kill("SIGKILL");
  again.child.kill("SIGKILL");
  return ends.map((end, i) => {
    const other = ends[1 - i];
    return {
      node: end.id,
      "arrives again after, ms": end.firstAt - backAt,
      "MiB before, most": `${steady[i].maxMiB}, ${end.maxMiB}`,
      published: end.published,
      refused: end.refused,
      "of the other: arrived": end.received,
      missed: end.missed,
      "not accounted for": other.published - end.received - end.missed,
    };
  });
}

async function beNode(id, broker) {
  process.on("disconnect", () => process.exit());
  const metrics = new Registry();
  const fleet = await joinFleet({ id, broker, metrics });
  const channels = Array.from({ length: CHANNELS }, (_, i) => fleet.channel(`room:${i}`));
  let firstAt = 0;
  for (const channel of channels) {
    await channel.subscribe(({ id: message }) => {
      if (firstAt === 0 && !message.startsWith(`${id}~`)) firstAt = Date.now();
    });
  }
  let isRunning = false;
  let isEnded = false;
  let maxMiB = 0;
  const watch = setInterval(() => {
    maxMiB = Math.max(maxMiB, Math.round(process.memoryUsage.rss() / 2 ** 20));
  }, 20);
  const count = async (name) =>
    (await metrics.getSingleMetric(`ringway_fleet_messages_${name}_total`).get()).values[0].value;
  const answers = {
    begin: () => (isRunning = true),
    "broker is back": () => (firstAt = 0),
    stop: () => (isEnded = true),
    read: async () => ({
      ...{ id, maxMiB, firstAt },
      ...Object.fromEntries(
        await Promise.all(
          ["published", "refused", "received", "missed"].map(async (name) => [
            name,
            await count(name),
          ]),
        ),
      ),
    }),
  };
  process.on("message", async ({ type }) => process.send(await answers[type]()));
  process.send("joined");
  while (!isRunning) await pause(5);
  for (let i = 0; !isEnded; i++) {
    try {
      await channels[i % CHANNELS].publish(TEXT);
    } catch {
      await turn(); // refused, and counted so
    }
    if (i % 100 === 0) await turn();
  }
  // The last of each channel shows what is missing before it.
  for (const channel of channels) await channel.publish("end");
  await once(process, "message");
  clearInterval(watch);
}
