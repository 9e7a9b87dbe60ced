import { Fleet } from "./fleet.js";
import { BACKENDS } from "./model.js";
import { reportOf } from "./until-back.js";

const NEWCOMERS = 20;
const OBSERVED_MS = 2_400_000;
/** A connection lives this long on average: networks change, tabs sleep. */
const CONNECTION_MS = 1_200_000;
/** Of the connections that end, the share whose session ends too; another one begins then. */
const ENDING_SHARE = 0.2;
/** The newcomers count as filled from this share of an even load on. */
const CARRIED = 0.75;

/** Twenty backends are added to two hundred, while clients come and go as on any day. */
export async function scaleOut(variant, options) {
  const fleet = new Fleet(variant, { ...options, horizonMs: OBSERVED_MS }).fill();
  const { chance, sessions, record } = fleet;
  const lifeMs = () => -Math.log(1 - chance.fraction()) * CONNECTION_MS;
  for (let session = 0; session < sessions.count; session++) fleet.schedule(session, lifeMs());
  fleet.onOpen = (session) => fleet.schedule(session, lifeMs());
  fleet.grow(NEWCOMERS);
  const shares = [];
  await fleet.run(OBSERVED_MS, {
    until: () => void shares.push(newcomersShare(record)),
    onEnd: (session) => {
      fleet.close(session);
      if (chance.fraction() < ENDING_SHARE) sessions.renew(session);
    },
  });
  const carried = shares.findIndex((share) => share >= CARRIED);
  return {
    ...reportOf(fleet),
    // What keys of sessions that go on have to move for an even load, once each.
    mustMove: (sessions.count * NEWCOMERS) / (BACKENDS + NEWCOMERS),
    recoveredS: carried === -1 ? undefined : carried + 1,
    newcomers: shares,
  };
}

/** The newcomers' mean load over that of all. */
function newcomersShare({ load, open }) {
  const theirs = load.subarray(BACKENDS).reduce((sum, count) => sum + count, 0);
  return theirs / NEWCOMERS / (open / (BACKENDS + NEWCOMERS));
}
