import { ConfigError } from "../core/errors.ts";
import { configSchema, type EdgeConfig, type EdgeConfigInput } from "./schema.ts";

/** @throws ConfigError naming each wrong value by its path; a program has no lines to point at */
export function checkConfig(config: EdgeConfigInput): EdgeConfig {
  const checked = configSchema.safeParse(config);
  if (checked.success) return checked.data;
  throw new ConfigError(
    checked.error.issues.map(({ path, message }) => ({
      file: "configuration",
      message: `${path.map(String).join(".")}: ${message}`,
    })),
  );
}
