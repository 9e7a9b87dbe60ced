import { untilBack } from "./until-back.js";
import { Fleet } from "./fleet.js";

export const LONGEST_MS = 300_000;

/** Everybody's connection ends in one moment; edges and backends are well. */
export async function reconnectStorm(variant, options) {
  const fleet = new Fleet(variant, { ...options, horizonMs: LONGEST_MS }).fill();
  for (let session = 0; session < fleet.sessions.count; session++) fleet.close(session);
  return untilBack(fleet, LONGEST_MS);
}
