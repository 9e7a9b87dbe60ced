import { lineChart, plotAreas } from "./chart/line-chart.js";
import { linearScale } from "./chart/scale.js";
import { outcomeOf, grouped } from "./outcome.js";
import { BACKENDS } from "./model.js";
import { SCENARIOS } from "./scenarios.js";

const SHOWN_S = 60;
const LINES = [
  { series: "ringway", label: "Ringway, paced" },
  { series: "notPaced", label: "Ringway without pacing", dashes: "6 4" },
];
const STORMS = ["zoneLoss", "reconnectStorm"];

export function handshakesOverTime({ sessions }, outcomes) {
  const most = STORMS.flatMap((scenario) =>
    LINES.map(({ series }) => outcomeOf(outcomes, scenario, series).peakHandshakes),
  );
  const [paced, not] = LINES.map(({ series }) => outcomeOf(outcomes, "reconnectStorm", series));
  return lineChart({
    title: [
      `Paced, a fleet is sent no more than it can answer;`,
      `without it ${(not.peakHandshakes / paced.fleetCapacity).toFixed(1)} times as much for a while`,
    ],
    explanation: [
      `Handshakes that all backends together are sent in each second after the event. ${grouped(sessions)} sessions.`,
    ],
    panels: plotAreas(STORMS.length).map((area, i) => {
      const scenario = STORMS[i];
      const { living, fleetCapacity } = outcomeOf(outcomes, scenario, "ringway");
      return {
        heading: SCENARIOS[scenario].label,
        x: linearScale({ from: 0, to: SHOWN_S, pixels: area.x }),
        y: linearScale({ from: 0, to: Math.max(...most), pixels: area.y }),
        level: {
          value: (fleetCapacity * living) / BACKENDS,
          label: `what ${living} backends can answer`,
        },
        lines: LINES.map((line) => {
          const { seconds } = outcomeOf(outcomes, scenario, line.series);
          const shown = seconds.slice(0, SHOWN_S);
          return { ...line, points: shown.map(({ handshakes }, at) => [at + 1, handshakes]) };
        }),
      };
    }),
    legend: LINES,
    xAxis: "seconds after the event",
    yAxis: "handshakes a second",
    xFormat: String,
    yFormat: grouped,
  });
}
