import { reconnectStorm } from "./reconnect-storm.js";
import { SCENARIOS } from "./scenarios.js";
import { PACINGS, VARIANTS } from "./variants.js";

/** Each scenario with each variant: plain data, so that it can be given to another thread. */
export function scenarioTasks() {
  return Object.keys(SCENARIOS).flatMap((scenario) =>
    Object.keys(VARIANTS).map((variant) => ({ scenario, variant })),
  );
}

/** A storm with each way of pacing, upon backends that answer so many handshakes a second. */
export function stormTasks(capacities) {
  return capacities.flatMap((capacity) =>
    Object.keys(PACINGS).map((pacing) => ({ capacity, pacing })),
  );
}

/** @returns what the scenario reports, and how long its simulation took */
export async function runTask({ scenario, variant, capacity, pacing }, options) {
  const startMs = performance.now();
  const outcome =
    scenario === undefined
      ? await reconnectStorm(PACINGS[pacing].variant, { ...options, capacity })
      : await SCENARIOS[scenario].run(VARIANTS[variant], options);
  const tookS = (performance.now() - startMs) / 1_000;
  return { scenario, variant, capacity, pacing, ...outcome, tookS };
}
