import type { Backend, BackendSet } from "../core/backend.ts";
import type { Random } from "../core/random.ts";

/** How a pool chooses among its backends. */
export interface Policy {
  /**
   * Backends in order of preference, each exactly once. A policy never looks at health: whoever
   * walks the candidates skips those that cannot serve, so that a sick backend changes nobody
   * else's place.
   *
   * @param key the affinity key; undefined when the request has none
   */
  candidates(key: string | undefined, pool: BackendSet): Iterable<Backend>;
  /**
   * Whether one more may go to a backend that a session is bound to. Absent: always. One that is
   * full keeps its sessions: they come back when there is room.
   */
  hasRoom?(backend: Backend, pool: BackendSet): boolean;
  /** Absent where keys have no place of their own. */
  readonly movement?: Movement;
}

/** How the places of keys have moved since the start, for metrics. */
export interface Movement {
  /** Changes of the membership that were followed. */
  readonly changes: number;
  /** The share of all keys, from 0 to 1, that the last change gave another owner. */
  readonly lastShare: number;
}

/** What a policy may need to be made. */
export interface PolicyOptions {
  readonly random: Random;
  /** The most that a backend may have, as a multiple of the average: at least 1. */
  readonly maxLoad: number | undefined;
}
