import type { z } from "zod";
import type { Environment } from "../../src/config/environment.ts";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/core/errors.ts";

/** What is wrong in a text, each as `line:column message`; empty when nothing is. */
export function problemsOf(text: string, schema: z.ZodType, env: Environment = {}): string[] {
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
