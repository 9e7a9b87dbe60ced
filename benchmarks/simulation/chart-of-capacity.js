import { lineChart, plotAreas } from "./chart/line-chart.js";
import { linearScale, logScale } from "./chart/scale.js";
import { grouped, percent } from "./outcome.js";
import { LONGEST_MS } from "./reconnect-storm.js";
import { PACINGS } from "./variants.js";

/** Handshakes a second of each of 200 backends, when a million sessions are spread over them. */
export const CAPACITIES = [50, 100, 200, 400, 800];

const LONGEST_S = LONGEST_MS / 1_000;
const SHOWN_S = 200;
/** On either side of the cliff. */
const SHOWN = [100, 200];
const DASHES = { jitterOnly: "2 3", notPaced: "6 4" };
const LINES = Object.entries(PACINGS).map(([series, { label }]) => ({
  series,
  label,
  dashes: DASHES[series],
}));

export function drawCapacityCharts(run, outcomes) {
  const of = (pacing, capacity) =>
    outcomes.find((one) => one.pacing === pacing && one.capacity === capacity);
  return {
    "backend-capacity": recoveryChart((...which) => of(...which).recoveredS),
    "connected-over-time": connectedChart(run, of),
  };
}

function recoveryChart(recovered) {
  const [area] = plotAreas(1);
  const said = (pacing, capacity) => {
    const seconds = recovered(pacing, capacity);
    return seconds === undefined ? `not within ${LONGEST_S} s` : `after ${grouped(seconds)} s`;
  };
  return lineChart({
    title: [
      `Backends that answer 100 handshakes a second recover from a storm ${said("paced", 100)}`,
      `when it is paced, and ${said("notPaced", 100)} when not; at 400 it makes no difference`,
    ],
    explanation: [
      `Time until 99.9 % of the clients that reconnect at once are back; the uppermost line: not within ${LONGEST_S} s.`,
    ],
    panels: [
      {
        x: logScale({ ticks: CAPACITIES, pixels: area.x }),
        y: logScale({ ticks: [10, 20, 50, 100, 200, LONGEST_S], pixels: area.y }),
        lines: LINES.map((line) => ({
          ...line,
          dots: true,
          points: CAPACITIES.map((capacity) => [
            capacity,
            recovered(line.series, capacity) ?? LONGEST_S,
          ]),
        })),
      },
    ],
    legend: LINES,
    xAxis:
      "handshakes a second that each of 200 backends of 5,000 sessions can answer (logarithmic)",
    yAxis: "time to recover, s (logarithmic)",
    xFormat: String,
    yFormat: String,
  });
}

function connectedChart({ sessions }, of) {
  return lineChart({
    title: [
      "With half the capacity a fleet that lets everybody in at once",
      "does not come back, and jitter alone does not help",
    ],
    explanation: [
      "Clients that are connected after all of them have lost their connections at once. Handshakes that are answered",
      "too late are done again, and the backends are busy with those that nobody waits for. Left, two lines are one.",
    ],
    panels: plotAreas(SHOWN.length).map((area, i) => ({
      heading: `${SHOWN[i]} handshakes a second and backend`,
      x: linearScale({ from: 0, to: SHOWN_S, pixels: area.x }),
      y: linearScale({ from: 0, to: 1, pixels: area.y, ticks: 5 }),
      lines: LINES.map((line) => {
        const { seconds } = of(line.series, SHOWN[i]);
        // A run ends when everybody is back.
        const openAt = (s) => seconds[Math.min(s, seconds.length) - 1].open;
        const points = Array.from({ length: SHOWN_S }, (_, s) => [s + 1, openAt(s + 1) / sessions]);
        return { ...line, points };
      }),
    })),
    legend: LINES,
    xAxis: "seconds after the event",
    yAxis: "connected clients",
    xFormat: String,
    yFormat: percent,
  });
}
