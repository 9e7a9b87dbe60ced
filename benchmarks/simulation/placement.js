/** By policy: all runs of a thread have the same sessions and seed, or they begin anew. */
const placements = new Map();

/**
 * Where all sessions are before anything happens. It depends on nothing but policy, number and seed,
 * so it is found once for all scenarios.
 *
 * @param find returns `{ edges, backends }`, a place for each session
 */
export function placementOf({ makePolicy }, { sessions, seed }, find) {
  const known = placements.get(makePolicy);
  if (known?.sessions === sessions && known.seed === seed) return known.placement;
  const placement = find();
  placements.set(makePolicy, { sessions, seed, placement });
  return placement;
}
