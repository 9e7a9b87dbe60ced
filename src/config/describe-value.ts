import type { ValueView } from "./explained.ts";
import { valueAt, type Path } from "./path.ts";
import { didYouMean, joinOr, showValue } from "./wording.ts";

/** `, not "abc"`; nothing of a value that may not be shown. */
export function insteadOf(path: Path, view: ValueView): string {
  const value = valueAt(view.root, path);
  if (value === null) return ", but nothing is written there";
  const written = view.written(path);
  if (written !== undefined) return `, not ${showValue(written)}`;
  // A secret that stands in the file all the same should not go on into a log.
  const isSecret = path.some((step) => /secret|token|password/i.test(String(step)));
  return isSecret && typeof value !== "object" ? "" : `, not ${showValue(value)}`;
}

/** `; did you mean "ring"?`. A value from the environment is compared with nothing. */
export function nearestChoice(path: Path, choices: readonly unknown[], view: ValueView): string {
  const value = valueAt(view.root, path);
  if (typeof value !== "string" || view.written(path) !== undefined) return "";
  const texts = choices.filter((choice) => typeof choice === "string");
  return didYouMean(value, texts);
}

/** `must be "ring" or "random-two", not "rign"; did you mean "ring"?` */
export function mustBeOneOf(path: Path, choices: readonly unknown[], view: ValueView): string {
  const instead = insteadOf(path, view) + nearestChoice(path, choices, view);
  return `must be ${joinOr(choices.map(showValue))}${instead}`;
}
