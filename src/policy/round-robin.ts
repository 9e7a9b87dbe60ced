import type { Backend, BackendSet } from "../core/backend.ts";
import type { Policy } from "./policy.ts";

interface Seat {
  readonly backend: Backend;
  /** What it is owed, in units of weight: grows each turn, falls when it is chosen. */
  current: number;
}

/**
 * Smooth weighted round robin, as nginx does it: each turn every member is owed its weight more, the
 * one that is owed most is taken and pays the total. A heavy member's turns are spread over the
 * round instead of coming in a row. The key is ignored.
 */
export class RoundRobinPolicy implements Policy {
  #seats: readonly Seat[] = [];
  #totalWeight = 0;
  #generation = -1;

  *candidates(_key: string | undefined, pool: BackendSet): Generator<Backend> {
    if (pool.generation !== this.#generation) this.#follow(pool);
    const seats = this.#seats;
    const first = this.#takeTurn();
    if (first === undefined) return;
    yield first.backend;
    const others = seats.filter((seat) => seat !== first);
    for (const { backend } of others.sort((a, b) => b.current - a.current)) yield backend;
  }

  #takeTurn(): Seat | undefined {
    let first: Seat | undefined;
    for (const seat of this.#seats) {
      seat.current += seat.backend.weight;
      if (first === undefined || seat.current > first.current) first = seat;
    }
    if (first !== undefined) first.current -= this.#totalWeight;
    return first;
  }

  #follow({ backends, generation }: BackendSet): void {
    const owed = new Map(this.#seats.map(({ backend, current }) => [backend.id, current]));
    const total = backends.reduce((sum, { weight }) => sum + weight, 0);
    // Debts from heavier days would shut a member out for many rounds: one round is the most.
    const limited = (current: number): number => Math.max(-total, Math.min(total, current));
    this.#seats = backends.map((backend) => ({
      backend,
      current: limited(owed.get(backend.id) ?? 0),
    }));
    this.#totalWeight = total;
    this.#generation = generation;
  }
}
