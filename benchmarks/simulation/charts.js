import { handshakesOverTime } from "./chart-of-recovery.js";
import { deployChart, newcomersChart } from "./chart-of-load.js";
import { handshakesChart, movedChart, peakChart, recoveryChart } from "./chart-of-variants.js";

/** Every chart by the name of its file. */
export function drawCharts(run, outcomes) {
  return {
    "moved-sessions": movedChart(run, outcomes),
    "peak-over-mean": peakChart(run, outcomes),
    "handshakes-of-a-backend": handshakesChart(run, outcomes),
    "time-to-recover": recoveryChart(run, outcomes),
    "handshakes-over-time": handshakesOverTime(run, outcomes),
    "rolling-deploy": deployChart(run, outcomes),
    "scale-out": newcomersChart(run, outcomes),
  };
}
