import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { temporaryDirectory } from "../support/certificate.ts";

const COMMAND = fileURLToPath(new URL("../../benchmarks/simulation.js", import.meta.url));
const SESSIONS = 5_000;

const Outcome = z.object({
  scenario: z.string(),
  variant: z.string(),
  moved: z.number(),
  movedInVain: z.number(),
  mustMove: z.number().optional(),
  cutOff: z.number().optional(),
  handshakes: z.number(),
  timeouts: z.number(),
  peakHandshakes: z.number(),
  openAtEnd: z.number(),
  inAll: z.number(),
});
const Results = z.object({ sessions: z.number(), outcomes: z.array(Outcome) });

let outcomes: z.infer<typeof Outcome>[] = [];
let charts: string[] = [];

/** The command of the guide, with few sessions. */
beforeAll(async () => {
  const directory = await temporaryDirectory();
  const json = join(directory, "results.json");
  const options = ["--sessions", String(SESSIONS), "--json", json, "--charts", directory];
  await promisify(execFile)(process.execPath, [COMMAND, ...options]);
  ({ outcomes } = Results.parse(JSON.parse(await readFile(json, "utf8"))));
  const names = (await readdir(directory)).filter((name) => name.endsWith(".svg"));
  charts = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
}, 120_000);

function outcomeOf(scenario: string, variant: string): z.infer<typeof Outcome> {
  const found = outcomes.find((one) => one.scenario === scenario && one.variant === variant);
  if (found === undefined) throw new Error(`no outcome of ${scenario} with ${variant}`);
  return found;
}

describe("the simulation of a fleet", () => {
  it("loses no session: backends hold all that are open, and everybody comes back", () => {
    expect(outcomes).toHaveLength(24);
    for (const { scenario, inAll, openAtEnd } of outcomes) {
      expect(inAll).toBe(openAtEnd);
      // While a fleet grows, some clients are between two connections at any time.
      if (scenario !== "scaleOut") expect(openAtEnd).toBe(SESSIONS);
    }
  });

  it("sends a handshake for each session that was cut off, and one more for each in vain", () => {
    for (const scenario of ["zoneLoss", "reconnectStorm"]) {
      for (const variant of ["ring", "modulo", "roundRobin", "notPaced"]) {
        const { handshakes, timeouts, cutOff } = outcomeOf(scenario, variant);
        expect(handshakes - timeouts).toBe(cutOff ?? SESSIONS);
      }
    }
  });

  it("moves on a ring those sessions alone whose backend is gone, or does not answer", () => {
    const { moved, movedInVain, mustMove } = outcomeOf("zoneLoss", "ring");
    expect(movedInVain).toBe(0);
    expect(moved).toBe(mustMove);
    const storm = outcomeOf("reconnectStorm", "ring");
    expect(storm.moved).toBeLessThanOrEqual(storm.timeouts);
  });

  it("moves most of them by modulo hashing, wherever they were", () => {
    const { moved, cutOff } = outcomeOf("zoneLoss", "modulo");
    expect(moved).toBeGreaterThan(0.95 * (cutOff ?? Infinity));
    expect(outcomeOf("scaleOut", "modulo").moved).toBeGreaterThan(
      5 * outcomeOf("scaleOut", "ring").moved,
    );
  });

  it("moves nearly everybody by round robin, though nothing has changed", () => {
    expect(outcomeOf("reconnectStorm", "roundRobin").moved).toBeGreaterThan(0.95 * SESSIONS);
  });

  it("sends more handshakes at once when it does not pace", () => {
    for (const scenario of ["zoneLoss", "rollingDeploy", "reconnectStorm"]) {
      expect(outcomeOf(scenario, "notPaced").peakHandshakes).toBeGreaterThan(
        outcomeOf(scenario, "ringway").peakHandshakes,
      );
    }
  });

  it("draws its charts", () => {
    expect(charts).toHaveLength(7);
    for (const chart of charts) {
      expect(chart).toMatch(/^<svg [^]*<\/svg>\n$/);
      expect(chart).not.toMatch(/NaN|undefined|Infinity/);
    }
  });
});
