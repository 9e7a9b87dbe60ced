import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { whenDone } from "../support/when-done.ts";

const RUN = fileURLToPath(new URL("../history/run.js", import.meta.url));
const SEED = 7;
const FAULT_SECONDS = 20;
/** Of faults, then of calm until all has arrived. */
const LONGEST_MS = 180_000;

it(
  `keeps its promises through ${FAULT_SECONDS} seconds of faults (seed ${SEED})`,
  async () => {
    const args = ["--broker", "redis", "--seconds", `${FAULT_SECONDS}`, "--seed", `${SEED}`];
    const child = spawn(process.execPath, [RUN, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    whenDone(() => child.kill("SIGTERM"));
    const exited = once(child, "exit");
    const report = await text(child.stdout);
    await exited;
    expect(child.exitCode, report).toBe(0);
    // A run in which nothing happens keeps every promise.
    expect(numberIn(report, "handed over")).toBeGreaterThan(1_000);
    expect(numberIn(report, "duplicates suppressed")).toBeGreaterThan(0);
    expect(numberIn(report, "faults")).toBeGreaterThan(10);
  },
  LONGEST_MS,
);

function numberIn(report: string, name: string): number {
  return Number(new RegExp(`^${name} +(\\d+)$`, "m").exec(report)?.[1]);
}
