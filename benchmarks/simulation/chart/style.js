/** Colours of the series in light and in dark, told apart by brightness too. */
const SERIES = {
  ringway: ["#1d4ed8", "#7aa8ff"],
  ring: ["#0f8a7e", "#4fd1c1"],
  leastConnections: ["#7e3fd0", "#c4a1ff"],
  modulo: ["#c2660a", "#ffb25c"],
  roundRobin: ["#66707d", "#aab4c0"],
  notPaced: ["#cf222e", "#ff8a80"],
  paced: ["#1d4ed8", "#7aa8ff"],
  jitterOnly: ["#7e3fd0", "#c4a1ff"],
};
const PLAIN = {
  paper: ["#ffffff", "#0d1117"],
  ink: ["#1f2328", "#e6edf3"],
  muted: ["#57606a", "#9aa5b1"],
  grid: ["#d8dee4", "#30363d"],
};

function variables(mode) {
  return Object.entries({ ...SERIES, ...PLAIN })
    .map(([name, colours]) => `--${name}:${colours[mode]}`)
    .join(";");
}

export const STYLE = `<style>
svg{${variables(0)};font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
@media (prefers-color-scheme:dark){svg{${variables(1)}}}
text{fill:var(--ink)}
.title{font-size:16px;font-weight:600}
.muted{fill:var(--muted)}
.heading{font-weight:600}
.grid{stroke:var(--grid)}
.axis{stroke:var(--muted)}
.mark{stroke:var(--ink);stroke-width:2}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
</style>`;

export const colour = (series) => `var(--${series})`;
