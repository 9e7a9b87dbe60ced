const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
const sizeUnits: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

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

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([A-Za-z]+)$/.exec(text);
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  if (match === null || factor === undefined) return undefined;
  return Math.round(Number(match[1]) * factor);
}
