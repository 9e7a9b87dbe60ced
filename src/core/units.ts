type Units = readonly (readonly [unit: string, factor: number])[];

/** Smallest first. */
const durationUnits: Units = [
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
];
const sizeUnits: Units = [
  ["B", 1],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
];

/**
 * @param text a whole or decimal number with its unit: `500ms`, `2s`, `5m`, `1h`, `1d`
 * @returns milliseconds, or undefined when the text is not a duration
 */
export function parseDuration(text: string): number | undefined {
  return parseWithUnit(text, durationUnits);
}

/**
 * @param text a whole or decimal number with its unit: `512B`, `64KiB`, `1MiB`, `2GiB`
 * @returns bytes, or undefined when the text is not a size
 */
export function parseSize(text: string): number | undefined {
  return parseWithUnit(text, sizeUnits);
}

/** Milliseconds in the largest unit that leaves a whole number. */
export function formatDuration(ms: number): string {
  return formatWithUnit(ms, durationUnits);
}

/** Bytes in the largest unit that leaves a whole number. */
export function formatSize(bytes: number): string {
  return formatWithUnit(bytes, sizeUnits);
}

function parseWithUnit(text: string, units: Units): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([A-Za-z]+)$/.exec(text);
  const factor = units.find(([unit]) => unit === match?.[2])?.[1];
  if (match === null || factor === undefined) return undefined;
  return Math.round(Number(match[1]) * factor);
}

function formatWithUnit(amount: number, units: Units): string {
  const [unit, factor] = units.findLast(([, size]) => amount % size === 0 && amount >= size) ??
    units[0] ?? ["", 1];
  return `${amount / factor}${unit}`;
}
