import type { Backend, BackendSet } from "../core/backend.ts";

/** How a pool chooses among its backends. */
export interface Policy {
  /**
   * Backends in order of preference, each at most once. A policy never looks at health: whoever
   * walks the candidates skips those that cannot serve, so that a sick backend changes nobody
   * else's place.
   *
   * @param key the affinity key; undefined when the request has none
   */
  candidates(key: string | undefined, pool: BackendSet): Iterable<Backend>;
}
