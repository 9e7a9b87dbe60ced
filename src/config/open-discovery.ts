import { resolve } from "node:path";
import { z } from "zod";
import { dnsSource } from "../discovery/dns.ts";
import type { DiscoveredBackend, DiscoverySource } from "../discovery/discovery-source.ts";
import { fileSource } from "../discovery/file.ts";
import { redisSource } from "../discovery/redis.ts";
import { backendOptions } from "./check.ts";
import { loadConfig } from "./load.ts";
import { openRedis, type Services } from "./open-redis.ts";
import { backend, type EdgeConfig } from "./schema.ts";

const discovered = backend.extend({
  draining: z.boolean().default(false),
  /** For people who look at the announcements: policies count what they see themselves. */
  load: z.number().optional(),
});
const backendsFile = z.strictObject({ backends: z.array(discovered) });
/** Of a newer library there may be more in it. */
const announcement = discovered.loose();

/**
 * Opens the sources that a pool's configuration names; they do not ask anybody yet.
 *
 * @throws StartError when the CA file of a Redis can't be read
 */
export async function openDiscovery(
  pool: string,
  config: Pick<EdgeConfig, "pools" | "sessions">,
  services: Services,
): Promise<DiscoverySource[]> {
  const { file, dns, redis } = config.pools[pool]?.discovery ?? {};
  const { clock, logger, directory } = services;
  const sources: DiscoverySource[] = [];
  if (file !== undefined) {
    sources.push(fileSource({ path: resolve(directory, file), read: readBackends, clock }));
  }
  if (dns !== undefined) {
    const { name, port, scheme, every: everyMs } = dns;
    sources.push(dnsSource({ name, port, scheme, everyMs, clock }));
  }
  const own = redis === true ? config.sessions : redis;
  if (own !== undefined && "url" in own) {
    const connection = await openRedis(own, services);
    const { prefix } = own;
    sources.push(redisSource({ pool, prefix, connection, read: readAnnouncement, clock, logger }));
  }
  return sources;
}

async function readBackends(path: string): Promise<DiscoveredBackend[]> {
  const { backends } = await loadConfig(path, backendsFile, process.env);
  return backends.map((one) => ({ ...backendOptions(one), draining: one.draining }));
}

function readAnnouncement(id: string, said: string): DiscoveredBackend | undefined {
  try {
    const read = announcement.safeParse({ ...(JSON.parse(said) as object), id });
    if (!read.success) return undefined;
    return { ...backendOptions(read.data), draining: read.data.draining };
  } catch {
    return undefined; // no JSON: whoever has written it is told of by the caller
  }
}
