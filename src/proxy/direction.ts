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

/** Why a request goes nowhere, and the pool if its route named one. */
export interface Misdirection {
  readonly fault: "no_route" | "token_rejected";
  readonly pool: string | undefined;
}

/** Route and affinity: the steps that upgrades, plain requests and `explain` have in common. */
export async function findDirection(
  { routes, pools }: Pick<EdgeContext, "routes" | "pools">,
  request: EdgeRequest,
): Promise<Direction | Misdirection> {
  const route = findRoute(routes, request);
  const served = route === undefined ? undefined : pools.get(route.pool);
  if (route === undefined || served === undefined) return { fault: "no_route", pool: undefined };
  const { name } = served.pool;
  const subject = { clientIp: request.clientIp, servername: undefined, request };
  const { affinity, sessionKey } = served;
  const session = await findSession(affinity, subject, { name, sessionKey });
  if (session === "token_rejected") return { fault: session, pool: name };
  return { route, served, session };
}
