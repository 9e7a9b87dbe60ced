import type { Backend, BackendSet } from "../core/backend.ts";
import { Ring } from "../ring/ring.ts";
import type { Policy } from "./policy.ts";

/** Consistent hashing: a key stays with its backend however the others come and go. */
export class RingPolicy implements Policy {
  #ring: Ring = new Ring([]);
  #byId: ReadonlyMap<string, Backend> = new Map();
  #generation = -1;
  #turn = 0;

  *candidates(key: string | undefined, pool: BackendSet): Generator<Backend> {
    if (key === undefined) {
      yield* this.#inTurn(pool.backends);
      return;
    }
    if (pool.generation !== this.#generation) this.#rebuild(pool);
    for (const id of this.#ring.walk(key)) {
      const backend = this.#byId.get(id);
      if (backend !== undefined) yield backend;
    }
  }

  #rebuild(pool: BackendSet): void {
    this.#ring = new Ring(pool.backends, this.#ring);
    this.#byId = new Map(pool.backends.map((backend) => [backend.id, backend]));
    this.#generation = pool.generation;
  }

  /** Nothing to stick to: each request starts one further. */
  *#inTurn(backends: readonly Backend[]): Generator<Backend> {
    const start = this.#turn++;
    for (let i = 0; i < backends.length; i++) {
      const backend = backends[(start + i) % backends.length];
      if (backend !== undefined) yield backend;
    }
  }
}
