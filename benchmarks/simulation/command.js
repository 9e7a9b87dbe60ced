import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runAll } from "./pool.js";
import { asResults, asTable } from "./results.js";

/** With fewer, a backend of 200 would get to answer none in time. */
const FEWEST = 5_000;

/**
 * The command line of a simulation: runs the tasks, prints a table, and writes what is asked for.
 *
 * @param draw makes charts by the names of their files
 */
export async function command({ tasks, sessions: byDefault, draw }) {
  const { values } = parseArgs({
    options: {
      sessions: { type: "string", default: String(byDefault) },
      seed: { type: "string", default: "1" },
      json: { type: "string" },
      charts: { type: "string" },
    },
  });
  const [sessions, seed] = [Number(values.sessions), Number(values.seed)];
  if (!(sessions >= FEWEST)) stop(`--sessions must be a number from ${FEWEST}`);
  if (!Number.isInteger(seed)) stop("--seed must be a whole number");

  const startMs = performance.now();
  const outcomes = await runAll(tasks, { sessions, seed });
  const { user, system } = process.cpuUsage();
  const run = {
    node: process.version,
    sessions,
    seed,
    tookS: Math.round((performance.now() - startMs) / 1_000),
    cpuS: Math.round((user + system) / 1e6),
    mostMiB: Math.round(process.resourceUsage().maxRSS / 1_024),
  };
  console.table(asTable(outcomes));
  console.log(
    `Node.js ${run.node}, ${sessions} sessions, ${run.tookS} s (${run.cpuS} s of processor time), ${run.mostMiB} MiB`,
  );
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(asResults(run, outcomes))}\n`);
  }
  if (values.charts === undefined) return;
  mkdirSync(values.charts, { recursive: true });
  for (const [name, svg] of Object.entries(draw(run, outcomes))) {
    writeFileSync(join(values.charts, `${name}.svg`), svg);
  }
}

function stop(message) {
  console.error(message);
  process.exit(2);
}
