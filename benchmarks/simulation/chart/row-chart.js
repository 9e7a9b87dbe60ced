import { headHeight, MARGIN, page, shape, text, WIDTH } from "./page.js";
import { colour } from "./style.js";

const LABELS = 200;
const ROW = 19;
const BAR = 12;
const HEADING = 26;
const GAP = 12;
const AXIS = 44;
const VALUES = 110;

/** Where rows begin and end: what a scale's `pixels` are. */
export const ROW_PIXELS = [MARGIN + LABELS, WIDTH - MARGIN - VALUES];

/**
 * Values as rows, panel below panel, on one scale.
 *
 * @param panels `{ heading, mark, rows: [{ series, label, value, note }] }`; a row without a value
 *   has its note alone
 * @param kind `bar`, or `dot` where the scale does not begin at nothing
 */
export function rowChart({ title, explanation, panels, scale, axis, format, kind, markLabel }) {
  const body = [];
  const top = headHeight({ title, explanation });
  const heights = panels.map(({ rows }) => HEADING + rows.length * ROW + GAP);
  const bottom = top + heights.reduce((sum, height) => sum + height, 0);
  for (const tick of scale.ticks) {
    const x = scale.at(tick);
    body.push(shape("line", { class: "grid", x1: x, x2: x, y1: top + 6, y2: bottom }));
    body.push(text(format(tick), { class: "muted", x, y: bottom + 16, "text-anchor": "middle" }));
  }
  let y = top;
  panels.forEach((panel, i) => {
    body.push(...drawPanel(panel, { y, scale, format, kind }));
    y += heights[i];
  });
  const [left, right] = ROW_PIXELS;
  body.push(text(axis, { x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" }));
  if (markLabel !== undefined) {
    body.push(
      shape("line", { class: "mark", x1: MARGIN, x2: MARGIN, y1: bottom + 24, y2: bottom + 38 }),
    );
    body.push(text(markLabel, { class: "muted", x: MARGIN + 8, y: bottom + 36 }));
  }
  return page({ title, explanation, height: bottom + AXIS + 8, body });
}

function drawPanel({ heading, mark, rows }, { y, scale, format, kind }) {
  const drawn = [text(heading, { class: "heading", x: MARGIN, y: y + 18 })];
  const [left] = ROW_PIXELS;
  rows.forEach(({ series, label, value, note }, i) => {
    const middle = y + HEADING + i * ROW + ROW / 2;
    drawn.push(text(label, { x: left - 10, y: middle + 4, "text-anchor": "end" }));
    const x = value === undefined ? left : scale.at(value);
    const fill = colour(series);
    if (value !== undefined && kind === "dot") {
      drawn.push(shape("line", { class: "grid", x1: left, x2: x, y1: middle, y2: middle }));
      drawn.push(shape("circle", { cx: x, cy: middle, r: 5, fill }));
    } else if (value !== undefined) {
      drawn.push(
        shape("rect", {
          x: left,
          y: middle - BAR / 2,
          width: Math.max(1, x - left),
          height: BAR,
          fill,
        }),
      );
    }
    const said = [value === undefined ? "" : format(value), note ?? ""].filter(Boolean).join(" ");
    // Behind the mark of the panel, where that is near.
    const markX = mark === undefined ? -Infinity : scale.at(mark);
    const behind = markX > x - 4 && markX < x + 60 ? markX : x;
    drawn.push(text(said, { x: behind + 9, y: middle + 4 }));
  });
  if (mark !== undefined) {
    const x = scale.at(mark);
    const end = y + HEADING + rows.length * ROW;
    drawn.push(shape("line", { class: "mark", x1: x, x2: x, y1: y + HEADING - 2, y2: end + 2 }));
  }
  return drawn;
}
