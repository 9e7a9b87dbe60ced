import type { Session } from "./affinity.ts";
import { Candidates, type CandidatesOptions } from "./candidates.ts";
import type { ProxyObserver } from "./observer.ts";
import type { ServedPool } from "./served-pool.ts";
import type { SessionLookup } from "./session-lookup.ts";

export interface Picked {
  readonly session: Session | undefined;
  /** The id that the store holds, also when no such backend exists any more. */
  readonly bound: string | undefined;
  /** In order of preference, each once; judged as they are asked for. */
  readonly candidates: Candidates;
}

export interface PickContext extends Pick<CandidatesOptions, "clock" | "random"> {
  readonly lookup: SessionLookup;
  readonly observer: Pick<ProxyObserver, "panicked">;
}

/** Asks the store and the policy which backends may serve, in which order. */
export async function pick(
  served: ServedPool,
  session: Session | undefined,
  { lookup, clock, random, observer }: PickContext,
): Promise<Picked> {
  const bound = session?.remembered === true ? await lookup.get(session.id) : undefined;
  const candidates = new Candidates({
    served,
    // Without the store, all edges agree by the ring, whatever the policy is.
    policy: lookup.failed ? served.fallbackPolicy : served.policy,
    key: session?.key,
    home: bound === undefined ? undefined : served.pool.byId(bound),
    clock,
    random,
    onPanic: () => observer.panicked(served.pool.name),
  });
  return { session, bound, candidates };
}
