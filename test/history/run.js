// node test/history/run.js --broker redis|nats|kafka|memory --minutes 30 --seed N
import { rm } from "node:fs/promises";
import { parseArgs } from "node:util";
import { runHistory } from "./history-run.js";
import { brokers, digestOf, makePlan } from "./plan.js";
import { reportOf } from "./report.js";

const USAGE = `node test/history/run.js [--broker ${brokers.join("|")}] [--minutes M | --seconds S] [--seed N] [--events FILE] [--plan]`;

function optionsOf(args) {
  const { values } = parseArgs({
    args,
    options: {
      broker: { type: "string", default: "redis" },
      minutes: { type: "string", default: "1" },
      seconds: { type: "string" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      events: { type: "string" },
      plan: { type: "boolean", default: false },
    },
  });
  const seconds = Number(values.seconds ?? Number(values.minutes) * 60);
  const seed = Number(values.seed);
  const isGood = brokers.includes(values.broker) && seconds > 0 && Number.isSafeInteger(seed);
  if (!isGood) throw new Error(USAGE);
  const { broker, events, plan: isPlanOnly } = values;
  return { broker, faultsMs: seconds * 1_000, seed, events, isPlanOnly };
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
const { isPlanOnly, events, ...options } = optionsOf(process.argv.slice(2));
const plan = makePlan(options);
const { broker, seed, faultsMs } = plan;
say(`seed ${seed}, ${broker}, ${faultsMs / 1_000} s of faults, plan ${digestOf(plan)}`);
if (isPlanOnly) {
  for (const fault of plan.faults) say(JSON.stringify(fault));
} else {
  const found = await runHistory(plan, say, events);
  say(reportOf(plan, found));
  const hasFailed = found.checker.violations.count > 0;
  if (!hasFailed) await rm(found.directory, { recursive: true });
  process.exitCode = hasFailed ? 1 : 0;
}
