import type { Backend, BackendSet } from "../core/backend.ts";
import type { Policy } from "./policy.ts";

/**
 * The backend with the least load for its weight comes first. The key is ignored. Among equals the
 * one that follows the last choice in the pool's order wins, so that they take turns.
 */
export class LeastConnectionsPolicy implements Policy {
  /** The place in the pool after the last choice. */
  #start = 0;

  *candidates(_key: string | undefined, { backends }: BackendSet): Generator<Backend> {
    const place = this.#leastPlace(backends);
    const first = backends[place];
    if (first === undefined) return;
    this.#start = place + 1;
    yield first;
    const others = [...backends.slice(place + 1), ...backends.slice(0, place)];
    yield* others.sort((a, b) => loadWithOneMore(a) - loadWithOneMore(b));
  }

  #leastPlace(backends: readonly Backend[]): number {
    let least = Infinity;
    let found = -1;
    for (let i = 0; i < backends.length; i++) {
      const place = (this.#start + i) % backends.length;
      const backend = backends[place];
      if (backend === undefined || loadWithOneMore(backend) >= least) continue;
      least = loadWithOneMore(backend);
      found = place;
    }
    return found;
  }
}

/**
 * The load for each unit of weight that a backend would have with one more. Without that one, all
 * idle backends would be equal, and the light ones would fill as fast as the heavy ones.
 */
export function loadWithOneMore({ load, weight }: Backend): number {
  return (load + 1) / weight;
}
