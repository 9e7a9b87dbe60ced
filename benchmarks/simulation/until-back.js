const ALMOST_ALL = 0.999;

/** Runs until everybody is connected again, and says how that went. */
export async function untilBack(fleet, longestMs) {
  const { count } = fleet.sessions;
  await fleet.run(longestMs, { until: () => fleet.record.open === count });
  return {
    ...reportOf(fleet),
    recoveredS: secondsUntil(fleet.record.seconds, ALMOST_ALL * count),
  };
}

/** What all scenarios report. Sessions and handshakes as counts, `peak` as a multiple of the mean. */
export function reportOf({ record, sessions, capacity, living }) {
  const { seconds } = record;
  const most = (name) => seconds.reduce((top, second) => Math.max(top, second[name]), 0);
  const away = seconds.reduce((sum, { open }) => sum + sessions.count - open, 0);
  return {
    moved: record.moved,
    movedInVain: record.movedInVain,
    handshakes: record.handshakes,
    refusals: record.refusals,
    timeouts: record.timeouts,
    peakLoad: seconds.at(-1).peak,
    highestPeakLoad: most("peak"),
    peakHandshakes: most("handshakes"),
    peakHandshakesOfBackend: most("mostHandshakes"),
    meanAwayS: away / sessions.count,
    fleetCapacity: capacity,
    living,
    openAtEnd: record.open,
    load: [...record.load],
    seconds,
  };
}

/** @returns the first second from which on so many were open to the end; undefined if that never was */
function secondsUntil(seconds, enough) {
  const lastBelow = seconds.findLastIndex(({ open }) => open < enough);
  return lastBelow + 1 < seconds.length ? lastBelow + 2 : undefined;
}
