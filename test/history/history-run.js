import { createWriteStream } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Checker } from "./checker.js";
import { Faults } from "./faults.js";
import { presenceProblems } from "./presence-check.js";
import { until } from "./until.js";
import { ACK_TIMEOUT_MS, World } from "./world.js";

/** What is still published when the faults are over. */
const AFTERWARDS_MS = 2_000;
/** For what is under way to be confirmed, then to arrive, then for the members to agree. */
const CALM_MS = 60_000;
const PROGRESS_MS = 30_000;

/**
 * Runs a plan to its end.
 *
 * @param say prints a line
 * @param eventsFile where all events are written, to be read after a failure; none when undefined
 * @returns what was found: the checker, the faults that struck, and what was lost
 */
export async function runHistory(plan, say, eventsFile) {
  const directory = await mkdtemp(join(tmpdir(), "ringway-history-"));
  const checker = new Checker(plan);
  const written = eventsFile === undefined ? undefined : createWriteStream(eventsFile);
  const world = new World({
    plan,
    directory,
    onEvents: (events) => {
      for (const event of events) {
        checker.observe(event);
        written?.write(`${JSON.stringify(event)}\n`);
      }
    },
    lastNumbers: () => checker.lastNumbers,
  });
  const faults = new Faults(world);
  try {
    await world.start();
    const progress = setInterval(() => say(progressOf(world, checker, faults)), PROGRESS_MS);
    try {
      await world.begin();
      await faults.run(plan.faults);
      await pause(Math.max(AFTERWARDS_MS, plan.faultsMs + AFTERWARDS_MS - world.elapsedMs));
      await settle(world, checker);
      await agree(plan, world, checker);
    } finally {
      clearInterval(progress);
    }
    return { checker, faults, lost: checker.conclude(), directory, beganAtMs: world.beganAtMs };
  } finally {
    written?.end();
    await world.close();
  }
}

/** Until everything that was published is confirmed and has arrived, and nothing comes any more. */
async function settle(world, checker) {
  await world.stopPublishing();
  const isConfirmed = async () => (await world.askAll("pending")).every((count) => count === 0);
  const tookMs = await until(isConfirmed, { withinMs: CALM_MS });
  if (tookMs === undefined) {
    const pending = await world.askAll("pending");
    checker.observe({ type: "unsettled", pending: pending.join(" ") });
  }
  await until(() => checker.losses().kept.length === 0, { withinMs: CALM_MS, everyMs: 500 });
  // What is sent once more, is sent now.
  await pause(2 * ACK_TIMEOUT_MS);
}

async function agree(plan, world, checker) {
  let problems = [];
  await until(
    async () => {
      problems = presenceProblems(plan, (await world.askAll("members")).flat());
      return problems.length === 0;
    },
    { withinMs: CALM_MS, everyMs: 1_000 },
  );
  for (const problem of problems) checker.observe({ type: "disagreement", problem });
}

function progressOf(world, checker, { struck }) {
  const { counts, published, violations } = checker;
  const minutes = (world.elapsedMs / 60_000).toFixed(1);
  const rss = Math.round(process.memoryUsage().rss / 2 ** 20);
  return (
    `${minutes} min: published ${published}, delivered ${counts.delivered}, ` +
    `faults ${struck.length}, violations ${violations.count}, ${rss} MiB`
  );
}
