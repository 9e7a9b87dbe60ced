import { insidePath, subjectOf, type Path } from "./path.ts";
import type { Issue, SchemaFacts } from "./schema-facts.ts";
import { didYouMean } from "./wording.ts";

/** A problem in words, and where its place is to be looked for. */
export interface Explained {
  readonly path: Path;
  /** Whether the key at the end of the path is meant, or the value. */
  readonly place: "key" | "value";
  readonly message: string;
}

/** The values that messages are about. */
export interface ValueView {
  readonly root: unknown;
  /** The value as the file has it, when it came from the environment and may not be shown. */
  written(path: Path): string | undefined;
  /** Takes what came from the environment out of a message that a schema wrote. */
  redact(message: string, path: Path): string;
}

/** What every explanation needs. */
export interface Explaining {
  readonly facts: SchemaFacts;
  readonly view: ValueView;
  /** @param above the path that the issue's own path goes on from */
  explain(issue: Issue, above: Path): Explained[];
}

/** @param problem reads on from the name of the value: "must be a number" */
export function wrongValue(path: Path, problem: string): Explained {
  return { path, place: "value", message: `${subjectOf(path)} ${problem}` };
}

export function missingKey(path: Path): Explained {
  const parent = path.slice(0, -1);
  const key = JSON.stringify(String(path.at(-1)));
  return { path: parent, place: "key", message: `missing key ${key}${insidePath(parent)}` };
}

/** @param allowed what the mapping may have; empty when that is not known */
export function unknownKey(path: Path, key: string, allowed: readonly string[]): Explained {
  const list = allowed.length === 0 ? "" : `; keys allowed here: ${allowed.join(", ")}`;
  const hint = didYouMean(key, allowed) || list;
  const message = `unknown key ${JSON.stringify(key)}${insidePath(path)}${hint}`;
  return { path: [...path, key], place: "key", message };
}
