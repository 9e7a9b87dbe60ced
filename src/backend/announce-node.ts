import { ConfigError } from "../core/errors.ts";
import { announce, type Announcement } from "./announce.ts";
import type { FleetOptions, FleetSettings } from "./fleet-options.ts";

/**
 * Makes the edge's `discovery.redis` find a node, where its options ask for that.
 *
 * @param load how many connections the node has
 * @throws ConfigError when it does not say which Redis, and the broker is none
 */
export async function announceNode(
  options: FleetOptions,
  { id, logger }: FleetSettings,
  load: () => number,
): Promise<Announcement | undefined> {
  if (options.announce === undefined) return undefined;
  const { broker, password, ca } = options;
  const isRedis = typeof broker === "string" && /^rediss?[:+]/.test(broker);
  const redis = options.announce.redis ?? (isRedis ? broker : undefined);
  if (redis === undefined) {
    const message = "announce.redis: is required with this broker: edges find nodes in a Redis";
    throw new ConfigError([{ file: "joinFleet", message }]);
  }
  const shared = redis === broker;
  return announce({
    ...(shared && password !== undefined && { password }),
    ...(shared && ca !== undefined && { ca }),
    load,
    ...options.announce,
    redis,
    id,
    logger,
  });
}
