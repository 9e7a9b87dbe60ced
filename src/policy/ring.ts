import type { Backend, BackendSet } from "../core/backend.ts";
import { Ring } from "../ring/ring.ts";
import type { Movement, Policy } from "./policy.ts";

/** Consistent hashing: a key stays with its backend however the others come and go. */
export class RingPolicy implements Policy {
  #ring: Ring = new Ring([]);
  #byId: ReadonlyMap<string, Backend> = new Map();
  #generation = -1;
  #turn = 0;
  #movement: Movement = { changes: 0, lastShare: 0 };

  get movement(): Movement {
    return this.#movement;
  }

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
    const before = this.#ring;
    this.#ring = new Ring(pool.backends, before);
    if (this.#generation !== -1) {
      const changes = this.#movement.changes + 1;
      this.#movement = { changes, lastShare: this.#ring.movedFrom(before) };
    }
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
