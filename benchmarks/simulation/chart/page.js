import { STYLE } from "./style.js";

export const WIDTH = 800;
export const MARGIN = 24;
const TITLE_LINE = 22;
const TEXT_LINE = 17;
/** Of a character at 12 px, on average, a little more than most fonts need. */
const CHARACTER = 6.6;

export const widthOf = (text) => text.length * CHARACTER;

/** Where the drawing begins below a title of so many lines and its explanation. */
export function headHeight({ title, explanation }) {
  return MARGIN + title.length * TITLE_LINE + explanation.length * TEXT_LINE + 14;
}

/**
 * A whole picture.
 *
 * @param title lines that say what is seen. @param explanation lines that say what is drawn
 */
export function page({ title, explanation, height, body }) {
  let y = MARGIN;
  const head = [];
  for (const line of title) {
    y += TITLE_LINE;
    head.push(text(line, { x: MARGIN, y: y - 8, class: "title" }));
  }
  for (const line of explanation) {
    y += TEXT_LINE;
    head.push(text(line, { x: MARGIN, y: y - 6, class: "muted" }));
  }
  const label = escape(title.join(" "));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">` +
    `${STYLE}<rect width="${WIDTH}" height="${height}" fill="var(--paper)"/>${[...head, ...body].join("\n")}</svg>\n`
  );
}

export function text(content, attributes) {
  return `<text${write(attributes)}>${escape(content)}</text>`;
}

export function shape(name, attributes) {
  return `<${name}${write(attributes)}/>`;
}

function write(attributes) {
  return Object.entries(attributes)
    .map(
      ([name, value]) =>
        ` ${name}="${typeof value === "number" ? Number(value.toFixed(1)) : value}"`,
    )
    .join("");
}

function escape(content) {
  return String(content).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
