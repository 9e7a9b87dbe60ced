import { lineChart, plotAreas } from "./chart/line-chart.js";
import { linearScale } from "./chart/scale.js";
import { outcomeOf, percent } from "./outcome.js";
import { VARIANTS } from "./variants.js";

const [AREA] = plotAreas(1);
const STEP_S = 5;
const DASHES = { notPaced: "6 4", modulo: "2 3" };
const legendOf = (names) =>
  names.map((series) => ({ series, label: VARIANTS[series].label, dashes: DASHES[series] }));

export function deployChart(_run, outcomes) {
  const names = ["roundRobin", "modulo", "ring", "notPaced", "ringway", "leastConnections"];
  const minutes = (s) => s / 60;
  const of = (name) => outcomeOf(outcomes, "rollingDeploy", name);
  const longest = Math.max(...names.map((name) => of(name).seconds.length));
  const most = Math.max(...names.map((name) => of(name).highestPeakLoad));
  return lineChart({
    title: ["In a rolling deploy those that wait for their turn fill up, and the last one most"],
    explanation: [
      "The fullest backend over mean load while 200 backends are replaced, ten at a time, in their order.",
    ],
    panels: [
      {
        x: linearScale({ from: 0, to: minutes(longest), pixels: AREA.x, ticks: 8 }),
        y: linearScale({ from: 1, to: most, pixels: AREA.y }),
        lines: names.map((series) => ({
          series,
          dashes: DASHES[series],
          points: every(of(series).seconds, ({ peak }) => peak, minutes),
        })),
      },
    ],
    legend: legendOf(names.toReversed()),
    xAxis: "minutes",
    yAxis: "fullest backend over mean load",
    xFormat: String,
    yFormat: (value) => `${value.toFixed(1)}×`,
  });
}

export function newcomersChart(_run, outcomes) {
  const names = ["leastConnections", "ring", "roundRobin", "modulo", "ringway"];
  const of = (name) => outcomeOf(outcomes, "scaleOut", name).newcomers;
  const minutes = (s) => s / 60;
  // A line that is a hair above 100 % needs no more room.
  const top = Math.max(1, Number(Math.max(...names.flatMap(of)).toFixed(1)));
  const last = (name) => percent(of(name).at(-1));
  return lineChart({
    title: [
      `A store keeps sessions at home: newcomers on the ring carry ${last("ringway")} after 40 min,`,
      `without it ${last("ring")}, with least connections ${last("leastConnections")}`,
    ],
    explanation: [
      "What 20 newcomers carry beside 200 others. Connections last 20 min on average; one in five that ends is a session's last.",
      "The lines of ring alone, modulo hashing and round robin lie on each other.",
    ],
    panels: [
      {
        x: linearScale({ from: 0, to: minutes(of("ring").length), pixels: AREA.x, ticks: 8 }),
        y: linearScale({
          from: 0,
          to: top,
          pixels: AREA.y,
          ticks: 5,
        }),
        lines: names.map((series) => ({
          series,
          dashes: DASHES[series],
          points: every(of(series), (share) => share, minutes),
        })),
      },
    ],
    legend: legendOf(names),
    xAxis: "minutes after they were added",
    yAxis: "newcomers' load, % of an even share",
    xFormat: String,
    yFormat: percent,
  });
}

function every(series, value, x) {
  return series
    .map((one, at) => [x(at + 1), value(one)])
    .filter((_, at) => (at + 1) % STEP_S === 0);
}
