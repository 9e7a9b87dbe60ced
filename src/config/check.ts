import { z } from "zod";
import { ConfigError } from "../core/errors.ts";
import type { BackendOptions } from "../upstream/backend.ts";
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

export type BackendInput = NonNullable<EdgeConfigInput["pools"][string]["backends"]>[number];

/**
 * Other backends for one pool of a checked configuration, held against all of it.
 *
 * @throws ConfigError when there is no such pool, or a backend is not valid in it
 */
export function checkBackends(
  config: EdgeConfig,
  pool: string,
  backends: readonly BackendInput[],
): BackendOptions[] {
  const whole = z.encode(configSchema, config);
  const { [pool]: before } = whole.pools;
  if (before === undefined) {
    throw new ConfigError([{ file: "configuration", message: `there is no pool "${pool}"` }]);
  }
  const changed = { ...before, backends: [...backends] };
  const checked = checkConfig({ ...whole, pools: { ...whole.pools, [pool]: changed } });
  return (checked.pools[pool]?.backends ?? []).map(backendOptions);
}

/** A backend of a checked configuration, as a pool takes it. */
export function backendOptions({
  id,
  url,
  weight,
}: EdgeConfig["pools"][string]["backends"][number]): BackendOptions {
  return { id, weight, url: url.url, address: url.address };
}
