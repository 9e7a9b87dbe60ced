import type { Backend, BackendSet } from "../core/backend.ts";
import type { Movement, Policy } from "./policy.ts";
import { RingPolicy } from "./ring.ts";

/** Far above what doubles lose here, far below one connection: 1.1 × 10 is to make 11, not 12. */
const ROUNDING = 1e-9;

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016). A backend takes at
 * most ⌈c · (m + 1) · w / W⌉, with c the bound, w its weight, m and W load and weight of all that serve;
 * a key whose place is full goes to the next with room on the ring. Since c is at least 1, one always
 * has room. Those that are full follow after all others: one with too much to do is better
 * than none.
 */
export class BoundedRingPolicy implements Policy {
  readonly #ring = new RingPolicy();
  readonly #maxLoad: number;

  /** @param maxLoad the most that a backend may have, as a multiple of the average: at least 1 */
  constructor(maxLoad: number) {
    this.#maxLoad = maxLoad;
  }

  get movement(): Movement {
    return this.#ring.movement;
  }

  hasRoom(backend: Backend, pool: BackendSet): boolean {
    return isBelow(backend, this.#bound(pool));
  }

  *candidates(key: string | undefined, pool: BackendSet): Generator<Backend> {
    const bound = this.#bound(pool);
    const full: Backend[] = [];
    for (const backend of this.#ring.candidates(key, pool)) {
      if (isBelow(backend, bound)) yield backend;
      else full.push(backend);
    }
    yield* full.sort((a, b) => a.load / a.weight - b.load / b.weight);
  }

  /**
   * The load that each unit of weight may have, once one more has come. Those that take nothing new
   * are not counted: what they would have taken falls to the others.
   */
  #bound({ backends }: BackendSet): number {
    let load = 0;
    let weight = 0;
    const serving = backends.filter(({ serves }) => serves);
    for (const backend of serving.length > 0 ? serving : backends) {
      load += backend.load;
      weight += backend.weight;
    }
    return (this.#maxLoad * (load + 1)) / weight;
  }
}

function isBelow({ load, weight }: Backend, bound: number): boolean {
  return load < Math.ceil(bound * weight - ROUNDING);
}
