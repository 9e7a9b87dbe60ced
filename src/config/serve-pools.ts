import { resolve } from "node:path";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import { readTextFile } from "../core/read-text-file.ts";
import { policies } from "../policy/index.ts";
import { affinitySource } from "../proxy/affinity/index.ts";
import type { ServedPool } from "../proxy/served-pool.ts";
import { Pool } from "../upstream/pool.ts";
import { backendOptions } from "./check.ts";
import type { EdgeConfig } from "./schema.ts";

export interface PoolContext {
  /** Where relative file names begin. */
  readonly directory: string;
  readonly secrets: readonly [string, ...string[]];
  readonly random: Random;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws StartError when a file that a pool needs can't be used */
export async function servePools(
  config: EdgeConfig,
  context: PoolContext,
): Promise<ReadonlyMap<string, ServedPool>> {
  // The last, so that a new secret can be put before it without moving a session.
  const sessionKey = config.sessions.secret ?? context.secrets.at(-1) ?? "";
  const served = await Promise.all(
    Object.entries(config.pools).map(([name, options]) =>
      servePool(name, options, { ...context, sessionKey }),
    ),
  );
  return new Map(served.map((one) => [one.pool.name, one]));
}

async function servePool(
  name: string,
  options: EdgeConfig["pools"][string],
  context: PoolContext & { readonly sessionKey: string },
): Promise<ServedPool> {
  const { random, sessionKey, directory } = context;
  const { maxLoad, tls } = options;
  const { connect, handshake, idle } = options.timeouts;
  const policy = policies[options.policy]({ random, maxLoad });
  const isHttp = options.backends.every(({ url }) => url.mode !== "tcp");
  const ca = tls.ca === undefined ? undefined : await readTextFile(resolve(directory, tls.ca));
  return {
    pool: new Pool(name, options.backends.map(backendOptions)),
    policyName: options.policy,
    policy,
    fallbackPolicy:
      options.policy === "ring" ? policy : policies.ring({ random, maxLoad: undefined }),
    affinity: await Promise.all(
      options.affinity.map((entry) => affinitySource(entry, { ...context, pool: name })),
    ),
    sessionKey,
    timeouts: { connectMs: connect, handshakeMs: handshake, idleMs: idle },
    maxMessageBytes: options.limits.messageBytes,
    drainMs: options.drain.over,
    tls: { ...(ca !== undefined && { ca }), ...(isHttp && { ALPNProtocols: ["http/1.1"] }) },
    proxyProtocol: options.proxyProtocol,
  };
}
