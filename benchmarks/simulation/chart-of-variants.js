import { linearScale, logScale } from "./chart/scale.js";
import { ROW_PIXELS, rowChart } from "./chart/row-chart.js";
import { outcomeOf, grouped, percent } from "./outcome.js";
import { BACKEND_HANDSHAKES_PER_S } from "./model.js";
import { SCENARIOS } from "./scenarios.js";
import { VARIANTS } from "./variants.js";

const NEVER = "not within 40 min";
const EVERYTHING = Object.keys(SCENARIOS);

export function movedChart({ sessions }, outcomes) {
  const moved = (name, scenario) => outcomeOf(outcomes, scenario, name).moved / sessions;
  const [ring, modulo] = ["ringway", "modulo"].map((name) => percent(moved(name, "zoneLoss")));
  return rowChart({
    title: [
      `When a zone dies ${ring} of the sessions move with the ring,`,
      `${modulo} with modulo hashing or round robin`,
    ],
    explanation: [
      `Sessions that came back to another backend than they had been at, of ${grouped(sessions)}; over 100 % when many move twice.`,
    ],
    panels: panels(outcomes, EVERYTHING, (outcome) => ({ value: outcome.moved / sessions }), {
      mark: ({ mustMove }) => (mustMove === undefined ? undefined : mustMove / sessions),
    }),
    scale: linearScale({ from: 0, to: 1.8, pixels: ROW_PIXELS, ticks: 9 }),
    axis: "moved sessions, % of all",
    format: percent,
    kind: "bar",
    markLabel: "what the event asks for",
  });
}

export function peakChart(_run, outcomes) {
  const peak = (name) => outcomeOf(outcomes, "rollingDeploy", name).highestPeakLoad.toFixed(2);
  return rowChart({
    title: [
      `A rolling deploy fills one backend to ${peak("ring")} times the mean;`,
      `bounded loads stop at ${peak("ringway")}, least connections at ${peak("leastConnections")}`,
    ],
    explanation: [
      "The fullest backend at any moment, as a multiple of an even share of all sessions.",
    ],
    panels: panels(outcomes, EVERYTHING, ({ highestPeakLoad }) => ({ value: highestPeakLoad })),
    scale: linearScale({ from: 0, to: 4, pixels: ROW_PIXELS, ticks: 8 }),
    axis: "fullest backend over mean load",
    format: (value) => `${value.toFixed(2)}×`,
    kind: "bar",
  });
}

export function handshakesChart({ sessions }, outcomes) {
  const perBackend = (BACKEND_HANDSHAKES_PER_S * sessions) / 1_000_000;
  const share = ({ peakHandshakesOfBackend }) => peakHandshakesOfBackend / perBackend;
  const worst = (name) =>
    Math.max(...EVERYTHING.map((scenario) => share(outcomeOf(outcomes, scenario, name))));
  return rowChart({
    title: [
      `Without pacing a backend is sent up to ${worst("notPaced").toFixed(1)} times`,
      "the handshakes that it can answer",
    ],
    explanation: [
      `The most handshakes that one backend was sent in one second. The line is what it can answer, ${grouped(perBackend)} a second.`,
    ],
    panels: panels(outcomes, EVERYTHING, ({ peakHandshakesOfBackend: value }) => ({ value }), {
      mark: () => perBackend,
    }),
    scale: linearScale({ from: 0, to: perBackend * 9, pixels: ROW_PIXELS, ticks: 9 }),
    axis: "handshakes a second, of the busiest backend",
    format: grouped,
    kind: "bar",
    markLabel: "what a backend can answer",
  });
}

export function recoveryChart(_run, outcomes) {
  const seconds = (scenario, name) => outcomeOf(outcomes, scenario, name).recoveredS;
  const storm = ["ringway", "notPaced"].map((name) => seconds("reconnectStorm", name));
  const zone = ["ringway", "notPaced"].map((name) => seconds("zoneLoss", name));
  return rowChart({
    title: [
      "Where backends are fast enough pacing costs time:",
      `${storm[0]} s instead of ${storm[1]} s after a storm, ${zone[0]} s instead of ${zone[1]} s after a zone's loss`,
    ],
    explanation: [
      "More backends: until the newcomers carry three quarters of an even share. Rolling deploy: until the last one is back.",
      "Else: until 99.9 % of the clients are connected again.",
    ],
    panels: panels(outcomes, EVERYTHING, ({ recoveredS }) =>
      recoveredS === undefined ? { note: NEVER } : { value: recoveredS },
    ),
    scale: logScale({
      ticks: [10, 20, 50, 100, 200, 500, 1_000, 2_000],
      pixels: ROW_PIXELS,
    }),
    axis: "time to recover, s (logarithmic)",
    format: (value) => `${grouped(value)} s`,
    kind: "dot",
  });
}

function panels(outcomes, scenarios, show, { mark = () => undefined } = {}) {
  return scenarios.map((scenario) => ({
    heading: SCENARIOS[scenario].label,
    mark: mark(outcomeOf(outcomes, scenario, "ringway")),
    rows: Object.entries(VARIANTS).map(([series, { label }]) => ({
      series,
      label,
      ...show(outcomeOf(outcomes, scenario, series)),
    })),
  }));
}
