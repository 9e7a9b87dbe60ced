import { distance } from "fastest-levenshtein";

const MAX_SHOWN_LENGTH = 60;
/** Levenshtein distance takes time in the square of the length. */
const MAX_COMPARED_LENGTH = 100;

const types: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "a mapping",
  record: "a mapping",
  string: "a string",
  tuple: "a list",
};

/** @param expected a zod type name */
export function describeType(expected: string): string {
  return types[expected] ?? `a value of type ${expected}`;
}

/** The value as the file might have it, short. */
export function showValue(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return value === null ? "null" : "a mapping";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return `a value of type ${typeof value}`;
  const shown = value.length > MAX_SHOWN_LENGTH ? `${value.slice(0, MAX_SHOWN_LENGTH)}…` : value;
  return JSON.stringify(shown);
}

/** "a", "a or b", "a, b or c" */
export function joinOr(choices: readonly string[]): string {
  const last = choices.at(-1) ?? "nothing";
  const others = choices.slice(0, -1);
  return others.length === 0 ? last : `${others.join(", ")} or ${last}`;
}

/** `; did you mean "policy"?`, or nothing when no candidate is near. */
export function didYouMean(text: string, candidates: readonly string[]): string {
  const best = nearest(text, candidates);
  return best === undefined ? "" : `; did you mean "${best}"?`;
}

/** Case and separators do not count: `max-load` is `maxLoad`. */
function nearest(text: string, candidates: readonly string[]): string | undefined {
  if (text.length > MAX_COMPARED_LENGTH) return undefined;
  const wanted = plainForm(text);
  let best: string | undefined;
  let bestSlips = Infinity;
  for (const candidate of candidates) {
    const plain = plainForm(candidate);
    const slips = distance(wanted, plain);
    if (slips >= bestSlips || slips > slipsAllowed(Math.max(wanted.length, plain.length))) continue;
    best = candidate;
    bestSlips = slips;
  }
  return best;
}

/** Two letters changed places is two slips already; short words are near to everything. */
function slipsAllowed(length: number): number {
  return length < 4 ? 1 : Math.max(2, Math.floor(length / 3));
}

function plainForm(text: string): string {
  return text.replace(/[-_ ]/g, "").toLowerCase();
}
