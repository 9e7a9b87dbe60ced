import type { EdgeConfig } from "../../config/schema.ts";

/**
 * What one of several workers may do of what the whole edge may: connections spread evenly over
 * workers, so limits that are counted in each process are divided among them.
 */
export function shareLimits(config: EdgeConfig, workers: number): EdgeConfig {
  const part = (limit: number | undefined): number | undefined =>
    limit === undefined ? undefined : Math.ceil(limit / workers);
  const pools = Object.entries(config.pools).map(([name, pool]) => {
    const { handshakesPerSecond: rate } = pool.limits;
    const limits = {
      ...pool.limits,
      connections: part(pool.limits.connections),
      pendingHandshakes: part(pool.limits.pendingHandshakes),
      queuedHandshakes: Math.ceil(pool.limits.queuedHandshakes / workers),
      handshakesPerSecond: rate === undefined ? undefined : rate / workers,
    };
    return [name, { ...pool, limits }] as const;
  });
  return { ...config, pools: Object.fromEntries(pools) };
}
