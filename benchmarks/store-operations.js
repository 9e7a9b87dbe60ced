// What does a session cost the Redis that edges share? Commands, Redis' own time for them, and bytes:
// for a session's first connection, for its return, and for each refresh while it is open.
// Run: npm run build && node benchmarks/store-operations.js [--json FILE]
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { open } from "./edge/client.js";
import { startBoth } from "./edge/start.js";
import { startServer } from "./servers.js";

const SESSIONS = 5_000;
const FEW_SESSIONS = 200;
const AT_ONCE = 50;
const SETTLES_MS = 2_000;
/** A refresh is due three times in a TTL. */
const SHORT_TTL_S = 6;
const REFRESHES_S = 12;

const { values } = parseArgs({ options: { json: { type: "string" } } });
const server = await startServer("redis");
const redis = new Redis(server.url);

const timed = await visit(SESSIONS, async () => {
  const before = await cpuSeconds();
  return async () => ((await cpuSeconds()) - before) * 1e6;
});
// Apart from the times: a Redis that is watched is slower.
const monitor = await redis.duplicate().monitor();
const counted = await visit(FEW_SESSIONS, () => {
  let operations = 0;
  // What a script calls itself comes from "lua".
  const heard = (_at, [command], source) => {
    if (source !== "lua" && ["evalsha", "getrange"].includes(command)) operations++;
  };
  monitor.on("monitor", heard);
  return () => {
    monitor.off("monitor", heard);
    return operations;
  };
});
const bytes = await bytesOf(SESSIONS);
const rows = Object.keys(timed).map((what) => ({
  what,
  operations: Number(counted[what].toFixed(2)),
  "Redis' CPU µs": Number(timed[what].toFixed(1)),
}));

console.log(`Node.js ${process.version}, ${SESSIONS} sessions`);
console.table(rows);
console.log(`${Math.round(bytes)} bytes of Redis' memory a session`);
if (values.json !== undefined) {
  const result = { node: process.version, bytesASession: Math.round(bytes), rows };
  writeFileSync(values.json, `${JSON.stringify(result)}\n`);
}
process.exit();

/**
 * All that sessions do at the store.
 *
 * @param begin starts a measurement, and returns how to end it
 * @returns what was measured, a session and time
 */
async function visit(sessions, begin) {
  const measured = {};
  const measure = async (what, work, times = 1) => {
    const end = await begin();
    await work();
    // What nobody waits for, such as a release, is still on its way.
    if (times === 1) await pause(SETTLES_MS);
    measured[what] = (await end()) / sessions / times;
  };
  const lasting = await startBoth({ tls: false, redis: server.url });
  let sockets;
  await measure("first connection", async () => (sockets = await openAll(lasting, sessions)));
  await measure("end", () => sockets.forEach((socket) => socket.destroy()));
  await measure("return", () => openAll(lasting, sessions));
  await lasting.stop();

  const brief = await startBoth({ tls: false, redis: server.url, ttl: `${SHORT_TTL_S}s` });
  await openAll(brief, sessions);
  await measure("refresh", () => pause(REFRESHES_S * 1_000), (REFRESHES_S * 3) / SHORT_TTL_S);
  await brief.stop();
  await redis.flushall();
  return measured;
}

async function bytesOf(sessions) {
  const lasting = await startBoth({ tls: false, redis: server.url });
  const before = await usedBytes();
  await openAll(lasting, sessions);
  const after = await usedBytes();
  await lasting.stop();
  return (after - before) / sessions;
}

async function cpuSeconds() {
  const text = await redis.info("cpu");
  return Number(/used_cpu_user:(\S+)/.exec(text)[1]) + Number(/used_cpu_sys:(\S+)/.exec(text)[1]);
}

async function usedBytes() {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))[1]);
}

async function openAll(both, sessions) {
  const sockets = [];
  let next = 0;
  const work = async () => {
    while (next < sessions) {
      const place = next++;
      sockets[place] = await open({ port: both.port, session: `session-${place}` });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return sockets;
}
