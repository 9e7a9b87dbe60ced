import { z } from "zod";
import { stringify } from "yaml";
import { loadConfig } from "../config/load.ts";
import { configSchema } from "../config/schema.ts";

const secretKeys: ReadonlySet<unknown> = new Set(["secret", "password", "token"]);

/** Prints what the file means, all defaults written out, in the file's own language. */
export async function check(file: string): Promise<void> {
  const config = await loadConfig(file, configSchema, process.env);
  const kept: string[] = [];
  const withoutSecrets = (key: unknown, value: unknown): unknown => {
    if (!isSecret(key, value)) return value;
    kept.push(`# ${String(key)}: configured, not shown\n`);
    return undefined;
  };
  const text = stringify(z.encode(configSchema, config), withoutSecrets);
  process.stdout.write(
    `# ${file} is valid; this is what it means.\n${text}${[...new Set(kept)].join("")}`,
  );
}

/** By its name; a pool may have the name too. */
function isSecret(key: unknown, value: unknown): boolean {
  return secretKeys.has(key) && (typeof value === "string" || Array.isArray(value));
}
