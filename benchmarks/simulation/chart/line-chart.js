import { headHeight, MARGIN, page, shape, text, widthOf, WIDTH } from "./page.js";
import { colour } from "./style.js";

const LEFT = 88;
const BETWEEN = 64;
const LEGEND_LINE = 20;
const HEADING = 24;
const PLOT = 250;
const AXIS = 52;

/** Left and right of each of so many panels, and the height of a plot: what scales are made for. */
export function plotAreas(count) {
  const width = (WIDTH - LEFT - MARGIN - (count - 1) * BETWEEN) / count;
  return Array.from({ length: count }, (_, i) => {
    const left = LEFT + i * (width + BETWEEN);
    return { x: [left, left + width], y: [PLOT, 0] };
  });
}

/**
 * Lines over time, panels side by side.
 *
 * @param panels `{ heading, x, y, lines: [{ series, points: [[x, y], …], dashes, dots }], level }`
 *   with scales for `plotAreas`; `level` is a horizontal line `{ value, label }`
 * @param legend `[{ series, label, dashes }]`
 */
export function lineChart({ title, explanation, panels, legend, xAxis, yAxis, xFormat, yFormat }) {
  const body = [];
  let y = headHeight({ title, explanation });
  const keys = drawLegend(legend, y);
  body.push(...keys.drawn);
  y += keys.height + HEADING;
  plotAreas(panels.length).forEach((area, i) => {
    const [left, right] = area.x;
    const panel = panels[i];
    body.push(...drawAxes(panel, { area, y, xFormat, yFormat }));
    body.push(text(panel.heading ?? "", { class: "heading", x: left, y: y - 10 }));
    body.push(text(xAxis, { x: (left + right) / 2, y: y + PLOT + 40, "text-anchor": "middle" }));
    for (const line of panel.lines) body.push(...drawLine(line, panel, y));
    if (panel.level !== undefined) body.push(...drawLevel(panel, { area, y }));
  });
  const turned = `rotate(-90 26 ${y + PLOT / 2})`;
  body.push(text(yAxis, { x: 26, y: y + PLOT / 2, transform: turned, "text-anchor": "middle" }));
  return page({ title, explanation, height: y + PLOT + AXIS, body });
}

function drawLegend(legend, top) {
  const drawn = [];
  let x = MARGIN;
  let y = top + 6;
  for (const { series, label, dashes } of legend) {
    const width = 34 + widthOf(label) + 14;
    if (x + width > WIDTH - MARGIN) {
      x = MARGIN;
      y += LEGEND_LINE;
    }
    drawn.push(stroke({ x1: x, x2: x + 26, y1: y - 4, y2: y - 4 }, { series, dashes }));
    drawn.push(text(label, { x: x + 34, y }));
    x += width;
  }
  return { drawn, height: y - top + 8 };
}

function drawAxes({ x, y: yScale }, { area, y, xFormat, yFormat }) {
  const drawn = [];
  const [left, right] = area.x;
  for (const tick of yScale.ticks) {
    const at = y + yScale.at(tick);
    drawn.push(shape("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }));
    drawn.push(
      text(yFormat(tick), { class: "muted", x: left - 8, y: at + 4, "text-anchor": "end" }),
    );
  }
  for (const tick of x.ticks) {
    const at = x.at(tick);
    drawn.push(shape("line", { class: "axis", x1: at, x2: at, y1: y + PLOT, y2: y + PLOT + 4 }));
    drawn.push(
      text(xFormat(tick), { class: "muted", x: at, y: y + PLOT + 19, "text-anchor": "middle" }),
    );
  }
  drawn.push(shape("line", { class: "axis", x1: left, x2: right, y1: y + PLOT, y2: y + PLOT }));
  return drawn;
}

function drawLine({ series, points, dashes, dots }, panel, top) {
  const at = points.map(([x, y]) => [panel.x.at(x), top + panel.y.at(y)]);
  const path = at.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`);
  const style = `stroke:${colour(series)}${dashes === undefined ? "" : `;stroke-dasharray:${dashes}`}`;
  const drawn = [shape("path", { class: "line", d: path.join(""), style })];
  if (dots) {
    drawn.push(...at.map(([cx, cy]) => shape("circle", { cx, cy, r: 4, fill: colour(series) })));
  }
  return drawn;
}

function drawLevel({ y: scale, level }, { area, y }) {
  const [left, right] = area.x;
  const at = y + scale.at(level.value);
  return [
    shape("line", {
      class: "axis",
      x1: left,
      x2: right,
      y1: at,
      y2: at,
      "stroke-dasharray": "2 3",
    }),
    text(level.label, { class: "muted", x: right, y: at - 6, "text-anchor": "end" }),
  ];
}

function stroke(ends, { series, dashes }) {
  const style = `stroke:${colour(series)};stroke-width:3`;
  return shape("line", {
    ...ends,
    style,
    ...(dashes === undefined ? {} : { "stroke-dasharray": dashes }),
  });
}
