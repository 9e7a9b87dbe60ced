import type { Backend, BackendSet } from "../core/backend.ts";
import type { Random } from "../core/random.ts";
import { loadWithOneMore } from "./least-connections.ts";
import type { Policy } from "./policy.ts";

/**
 * The power of two choices (Mitzenmacher 2001): of two members that are drawn by weight, the one
 * with less load for its weight. Edges that don't know of each other's choices do not all run to
 * the same least loaded backend, as they would if each looked at all. The key is ignored.
 */
export class RandomTwoPolicy implements Policy {
  readonly #random: Random;
  /** For each place in the pool, the weight of all members up to and with it. */
  #sums = new Float64Array();
  #generation = -1;

  constructor(random: Random) {
    this.#random = random;
  }

  *candidates(_key: string | undefined, pool: BackendSet): Generator<Backend> {
    if (pool.generation !== this.#generation) this.#follow(pool);
    const { backends } = pool;
    if (backends.length < 2) {
      yield* backends;
      return;
    }
    const places = this.#drawTwo();
    const [one, other] = places.map((place) => backends[place]);
    if (one === undefined || other === undefined) return;
    const isOtherBetter = loadWithOneMore(other) < loadWithOneMore(one);
    yield isOtherBetter ? other : one;
    yield isOtherBetter ? one : other;
    yield* this.#shuffled(backends.filter((_, place) => !places.includes(place)));
  }

  /** Two places, each two with the chance that drawing by weight without putting back gives them. */
  #drawTwo(): [number, number] {
    const last = this.#sums.length - 1;
    const total = this.#sums[last] ?? 0;
    const first = this.#find(this.#random.fraction() * total, 0, last);
    const before = this.#sums[first - 1] ?? 0;
    const weight = (this.#sums[first] ?? 0) - before;
    // The first one's stretch is cut out instead of drawing until another comes: beside a heavy
    // member that could take thousands of draws.
    const mark = this.#random.fraction() * (total - weight);
    if (first === last || mark < before) return [first, this.#find(mark, 0, first - 1)];
    return [first, this.#find(mark + weight, first + 1, last)];
  }

  /** The first place of a range whose sum is above the mark; the last one where rounding left none. */
  #find(mark: number, from: number, to: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sums[middle] ?? 0) > mark) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Fisher and Yates' shuffle, a step for each one that is asked for. */
  *#shuffled(backends: Backend[]): Generator<Backend> {
    while (backends.length > 0) {
      const at = Math.floor(this.#random.fraction() * backends.length);
      const [backend] = backends.splice(at, 1);
      if (backend !== undefined) yield backend;
    }
  }

  #follow({ backends, generation }: BackendSet): void {
    let sum = 0;
    this.#sums = Float64Array.from(backends, ({ weight }) => (sum += weight));
    this.#generation = generation;
  }
}
