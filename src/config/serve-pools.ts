import { resolve } from "node:path";
import type { Random } from "../core/random.ts";
import { readTextFile } from "../core/read-text-file.ts";
import { policies } from "../policy/index.ts";
import { affinitySource } from "../proxy/affinity/index.ts";
import type { ServedPool } from "../proxy/served-pool.ts";
import { Pool } from "../upstream/pool.ts";
import type { EdgeConfig } from "./schema.ts";

export interface PoolContext {
  /** Where relative file names begin. */
  readonly directory: string;
  readonly secrets: readonly [string, ...string[]];
  readonly random: Random;
}

/** @throws StartError when a pool's CA file can't be read */
export async function servePools(
  config: EdgeConfig,
  context: PoolContext,
): Promise<ReadonlyMap<string, ServedPool>> {
  const served = await Promise.all(
    Object.entries(config.pools).map(async ([name, options]) => {
      const { ca } = options.tls;
      return servePool(name, options, {
        ...context,
        ca: ca === undefined ? undefined : await readTextFile(resolve(context.directory, ca)),
      });
    }),
  );
  return new Map(served.map((one) => [one.pool.name, one]));
}

function servePool(
  name: string,
  options: EdgeConfig["pools"][string],
  context: PoolContext & { readonly ca: string | undefined },
): ServedPool {
  const { secrets, random, ca } = context;
  const { connect, handshake, idle } = options.timeouts;
  const backends = options.backends.map(({ id, url, weight }) => ({ id, weight, ...url }));
  return {
    pool: new Pool(name, backends),
    policyName: options.policy,
    policy: policies[options.policy](),
    affinity: options.affinity.map((entry) =>
      affinitySource(entry, { pool: name, secrets, random }),
    ),
    secret: secrets[0],
    timeouts: { connectMs: connect, handshakeMs: handshake, idleMs: idle },
    maxMessageBytes: options.limits.messageBytes,
    drainMs: options.drain.over,
    tls: ca === undefined ? {} : { ca },
  };
}
