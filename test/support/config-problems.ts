import type { z } from "zod";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/core/errors.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** What is wrong in a text, each as `line:column message`; empty when nothing is. */
export function problemsOf(text: string, schema: z.ZodType, env: Variables = {}): string[] {
  try {
    parseConfig(text, { file: "edge.yaml", schema, env });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ line, column, message }) => {
      return `${String(line)}:${String(column)} ${message}`;
    });
  }
}
