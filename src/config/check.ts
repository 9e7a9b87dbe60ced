import { ConfigError } from "../core/errors.ts";
import { configSchema, type EdgeConfig, type EdgeConfigInput } from "./schema.ts";
import { validate } from "./validate.ts";

/** @throws ConfigError naming each wrong value by its path; a program has no lines to point at */
export function checkConfig(config: EdgeConfigInput): EdgeConfig {
  const checked = validate(configSchema, {
    root: config,
    written: () => undefined,
    redact: (message) => message,
  });
  if (checked.valid) return checked.value;
  throw new ConfigError(
    checked.problems.map(({ message }) => ({ file: "configuration", message })),
  );
}
