import { z } from "zod";
import { stringify } from "yaml";
import { loadConfig } from "../config/load.ts";
import { configSchema } from "../config/schema.ts";

const hidden: ReadonlySet<unknown> = new Set(["secret", "password"]);

/** Prints what the file means, all defaults written out, in the file's own language. */
export async function check(file: string): Promise<void> {
  const config = await loadConfig(file, configSchema, process.env);
  const shown = z.encode(configSchema, config);
  const text = stringify(shown, (key: unknown, value: unknown) =>
    hidden.has(key) && (typeof value === "string" || Array.isArray(value)) ? "(hidden)" : value,
  );
  process.stdout.write(`# ${file} is valid; this is what it means.\n${text}`);
}
