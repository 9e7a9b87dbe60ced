import { Fleet } from "./fleet.js";
import { BACKENDS, ZONES } from "./model.js";
import { untilBack } from "./until-back.js";

const LONGEST_MS = 600_000;

/** The first of three zones dies, with its third of the backends and of the edges. */
export async function zoneLoss(variant, options) {
  const fleet = new Fleet(variant, { ...options, horizonMs: LONGEST_MS }).fill();
  const backends = Array.from({ length: BACKENDS }, (_, i) => i).filter((i) => i % ZONES === 0);
  const edges = fleet.edges.filter(({ place }) => place % ZONES === 0);
  const held = backends.reduce((sum, place) => sum + fleet.record.load[place], 0);
  fleet.lose({ backends, edges });
  const cutOff = fleet.sessions.count - fleet.record.open;
  const outcome = await untilBack(fleet, LONGEST_MS);
  return { ...outcome, mustMove: held, cutOff };
}
