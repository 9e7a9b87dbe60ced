import { findSession, type Session } from "./affinity.ts";
import type { EdgeContext } from "./edge-context.ts";
import type { EdgeRequest } from "./request.ts";
import { findRoute, type RouteOptions } from "./route.ts";
import type { ServedPool } from "./served-pool.ts";

/** Where a request is to go, and whose it is. */
export interface Direction {
  readonly route: RouteOptions;
  readonly served: ServedPool;
  readonly session: Session | undefined;
}

/**
 * Route and affinity: the steps that upgrades, plain requests and `explain` have in common.
 *
 * @returns undefined when no route takes the request
 */
export function findDirection(
  { routes, pools }: Pick<EdgeContext, "routes" | "pools">,
  request: EdgeRequest,
): Direction | undefined {
  const route = findRoute(routes, request);
  const served = route === undefined ? undefined : pools.get(route.pool);
  if (route === undefined || served === undefined) return undefined;
  const pool = { name: served.pool.name, secret: served.secret };
  return { route, served, session: findSession(served.affinity, request, pool) };
}
