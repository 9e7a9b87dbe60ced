import type { LiveBackend } from "../upstream/backend.ts";
import type { Session } from "./affinity.ts";
import type { ServedPool } from "./served-pool.ts";
import type { SessionLookup } from "./session-lookup.ts";

export interface Picked {
  readonly session: Session | undefined;
  /** The id that the store holds, also when no such backend exists any more. */
  readonly bound: string | undefined;
  /** In order of preference, each once; made as they are asked for. */
  readonly candidates: Iterable<LiveBackend>;
}

/** Asks the store and the policy which backends may serve, in which order. */
export async function pick(
  served: ServedPool,
  session: Session | undefined,
  lookup: SessionLookup,
): Promise<Picked> {
  const bound = session?.remembered === true ? await lookup.get(session.id) : undefined;
  // Without the store, all edges agree by the ring, whatever the policy is.
  const policy = lookup.failed ? served.fallbackPolicy : served.policy;
  const step = { pool: served.pool, policy, key: session?.key, bound };
  return { session, bound, candidates: inOrder(step) };
}

interface Step extends Pick<ServedPool, "pool" | "policy"> {
  readonly key: string | undefined;
  readonly bound: string | undefined;
}

function* inOrder({ pool, policy, key, bound }: Step): Generator<LiveBackend> {
  const home = bound === undefined ? undefined : pool.byId(bound);
  // One that is full lets its session go elsewhere for now: the policy says where.
  const first = home !== undefined && policy.hasRoom?.(home, pool) !== false ? home : undefined;
  if (first !== undefined) yield first;
  for (const { id } of policy.candidates(key, pool)) {
    const backend = pool.byId(id);
    if (backend !== undefined && backend !== first) yield backend;
  }
}
