import type { SessionStore } from "../session/session-store.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import type { Session } from "./affinity.ts";
import type { ServedPool } from "./served-pool.ts";

/** Why a backend was chosen: the session was bound to it, or the policy named it. */
export type PickReason = "bound" | "policy";

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
  store: Pick<SessionStore, "get">,
): Promise<Picked> {
  const bound = session === undefined ? undefined : await store.get(session.id);
  return { session, bound, candidates: inOrder(served, session?.id, bound) };
}

function* inOrder(
  { pool, policy }: ServedPool,
  key: string | undefined,
  bound: string | undefined,
): Generator<LiveBackend> {
  const first = bound === undefined ? undefined : pool.byId(bound);
  if (first !== undefined) yield first;
  for (const { id } of policy.candidates(key, pool)) {
    const backend = pool.byId(id);
    if (backend !== undefined && backend !== first) yield backend;
  }
}
