const round = (value, digits = 3) =>
  value === undefined ? undefined : Number(value.toPrecision(digits));

const MOST_SAMPLES = 240;
const stepOf = (series) => Math.max(1, Math.ceil(series.length / MOST_SAMPLES));
const sampled = (series) => series.filter((_, i) => (i + 1) % stepOf(series) === 0);

/** One line a simulation, for people. */
export function asTable(outcomes) {
  return outcomes.map((outcome) => ({
    scenario: outcome.scenario ?? `storm, ${outcome.capacity}/s a backend`,
    variant: outcome.variant ?? outcome.pacing,
    moved: outcome.moved,
    "in vain": outcome.movedInVain,
    "peak over mean": round(outcome.highestPeakLoad),
    "handshakes/s": outcome.peakHandshakes,
    "of one backend": outcome.peakHandshakesOfBackend,
    refused: outcome.refusals,
    "timed out": outcome.timeouts,
    "away, s": round(outcome.meanAwayS),
    "recovered, s": outcome.recoveredS,
  }));
}

/** Everything but where each session is. What changes by the second is sampled, in columns. */
export function asResults(run, outcomes) {
  return {
    ...run,
    outcomes: outcomes.map(({ seconds, load, newcomers, tookS, ...outcome }) => ({
      ...outcome,
      highestPeakLoad: round(outcome.highestPeakLoad, 4),
      peakLoad: round(outcome.peakLoad, 4),
      meanAwayS: round(outcome.meanAwayS, 4),
      mostLoaded: Math.max(...load),
      inAll: load.reduce((sum, count) => sum + count, 0),
      tookS: round(tookS),
      newcomers: sampled(newcomers ?? []).map((share) => round(share)),
      samples: {
        everyS: stepOf(seconds),
        open: sampled(seconds).map(({ open }) => open),
        handshakes: sampled(seconds).map(({ handshakes }) => handshakes),
        peak: sampled(seconds).map(({ peak }) => round(peak)),
      },
    })),
  };
}
