import { systemRandom } from "../core/random.ts";
import { findDirection } from "../proxy/direction.ts";
import type { EdgeContext } from "../proxy/edge-context.ts";
import type { PickReason } from "../proxy/observer.ts";
import { pick } from "../proxy/pick.ts";
import { readRequest, type RequestHead } from "../proxy/request.ts";
import { TrustedProxies } from "../proxy/trusted-proxies.ts";
import { SessionLookup, type SessionLookupContext } from "../proxy/session-lookup.ts";

/** What a request would get, and why. */
export interface Explanation {
  /** Where the route stands in the configuration, such as `routes[0]`. */
  readonly route: string | undefined;
  readonly pool: string | undefined;
  /** The affinity source that named the session. */
  readonly source: string | undefined;
  /** The session's id, a hash: the value that named it is not shown. */
  readonly session: string | undefined;
  /** The backend that is tried first. */
  readonly backend: string | undefined;
  readonly reason: PickReason | "no_route" | "token_rejected" | "bad_request";
  /** Ids in the order in which they would be tried. */
  readonly candidates: readonly string[];
}

type ExplainContext = Pick<EdgeContext, "routes" | "pools" | "random"> & SessionLookupContext;

const noObserver = { panicked: () => undefined };

/** Takes the steps of a real request up to the dial, and tells what they found. */
export async function explain(
  context: ExplainContext,
  head: RequestHead,
  client: { readonly ip: string; readonly secure: boolean },
): Promise<Explanation> {
  const arrival = {
    peer: client.ip,
    secure: client.secure,
    trustedProxies: new TrustedProxies([]),
  };
  const request = readRequest(head, arrival, systemRandom);
  if (request === undefined) return { ...nothing, reason: "bad_request" };
  const direction = await findDirection(context, request);
  if ("fault" in direction) {
    return { ...nothing, pool: direction.pool, reason: direction.fault };
  }
  const { route, served, session } = direction;
  const lookup = new SessionLookup(context);
  const { clock, random } = context;
  const step = { lookup, clock, random, observer: noObserver };
  const { candidates, bound } = await pick(served, session, step);
  const ids = [...candidates].map(({ id }) => id);
  const placed = lookup.failed ? "fallback" : "policy";
  return {
    route: `routes[${context.routes.indexOf(route)}]`,
    pool: served.pool.name,
    source: session?.source,
    session: session?.id,
    backend: ids[0],
    reason: bound !== undefined && ids[0] === bound ? "bound" : placed,
    candidates: ids,
  };
}

const nothing = {
  route: undefined,
  pool: undefined,
  source: undefined,
  session: undefined,
  backend: undefined,
  candidates: [],
};
