import { Fleet } from "./fleet.js";
import { BACKENDS } from "./model.js";
import { reportOf } from "./until-back.js";

/** Backends that are replaced together: a twentieth of the fleet. */
const BATCH = 10;
/** From the end of the old process to the new one's first answer. */
const RESTART_MS = 10_000;
const LONGEST_MS = 1_800_000;
const LAST_ONES_MS = 60_000;

/** Every backend is drained, replaced and taken back, ten at a time, each ten once the last are back. */
export async function rollingDeploy(variant, options) {
  const fleet = new Fleet(variant, { ...options, horizonMs: LONGEST_MS }).fill();
  const { clock } = fleet;
  for (let first = 0; first < BACKENDS; first += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) => first + i);
    fleet.drain(batch);
    await fleet.run(LONGEST_MS, { until: () => batch.every((place) => fleet.isEmpty(place)) });
    await fleet.run(clock.nowMs() + RESTART_MS);
    fleet.undrain(batch);
  }
  const deployedS = clock.nowMs() / 1_000;
  await fleet.run(clock.nowMs() + LAST_ONES_MS, {
    until: () => fleet.record.open === fleet.sessions.count,
  });
  return { ...reportOf(fleet), recoveredS: deployedS };
}
