import { z } from "zod";
import { stringify } from "yaml";
import { loadConfig } from "../config/load.ts";
import { configSchema } from "../config/schema.ts";

/** Prints what the file means, all defaults written out, in the file's own language. */
export async function check(file: string): Promise<void> {
  const config = await loadConfig(file, configSchema, process.env);
  const { secret, ...shown } = z.encode(configSchema, config);
  process.stdout.write(`# ${file} is valid; this is what it means.\n${stringify(shown)}`);
  if (secret !== undefined) process.stdout.write("# secret: configured, not shown\n");
}
