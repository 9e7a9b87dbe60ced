import { LineCounter } from "yaml";
import type { z } from "zod";
import type { Environment } from "./environment.ts";
import type { ValueView } from "./explained.ts";
import { valueAt, type Path } from "./path.ts";
import { Positions } from "./positions.ts";
import { ProblemList } from "./problem-list.ts";
import { readText } from "./read-text.ts";
import { readValue, type ReadValue } from "./read-value.ts";
import { createRedact } from "./redact.ts";
import { validate } from "./validate.ts";
import { parseTree } from "./yaml-tree.ts";

export interface ParseOptions<T> {
  /** Only for messages. */
  readonly file: string;
  readonly schema: z.ZodType<T>;
  /** What `${NAME}` is replaced from. */
  readonly env: Environment;
}

/**
 * Reads a configuration in YAML or JSON, at most 1 MiB.
 *
 * @returns what the schema makes of it, deeply frozen
 * @throws ConfigError with all that is wrong in the file, or with why it can't be read
 */
export async function loadConfig<T>(
  file: string,
  schema: z.ZodType<T>,
  env: Environment,
): Promise<T> {
  return parseConfig(await readText(file), { file, schema, env });
}

/**
 * The same for a text that was read already. Strings take `${NAME}` from the environment after they
 * are parsed, so that no value can add keys; `$${` stands for `${`.
 *
 * @throws ConfigError with all that is wrong in the text. What came from the environment is shown as
 *   `${NAME}` there
 */
export function parseConfig<T>(text: string, { file, schema, env }: ParseOptions<T>): T {
  const lines = new LineCounter();
  const problems = new ProblemList(file, lines);
  const tree = parseTree(text, lines, problems);
  const read = readValue(tree, env, problems);
  const positions = new Positions(tree, read.aliasTargets);
  const validated = validate(schema, viewOf(read, positions));
  if (validated.valid && problems.size === 0) return validated.value;
  for (const { path, place, message } of validated.valid ? [] : validated.problems) {
    const node = positions.node(path);
    // A variable that is not set is named already; that its value is wrong would be no news.
    if (node !== undefined && read.unreadable.has(node)) continue;
    problems.add(positions[place](path), message);
  }
  throw problems.toError();
}

function viewOf(read: ReadValue, positions: Positions): ValueView {
  const redact = createRedact(read.variables);
  const written = (path: Path): string | undefined => {
    const node = positions.node(path);
    return node === undefined ? undefined : read.written.get(node);
  };
  return {
    root: read.value,
    written,
    redact(message, path) {
      const source = written(path);
      if (source === undefined) return redact(message, undefined);
      return redact(message, { written: source, text: valueAt(read.value, path) });
    },
  };
}
