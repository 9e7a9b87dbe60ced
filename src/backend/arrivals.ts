import type { Envelope } from "./envelope.ts";

interface Seen {
  generation: number;
  count: number;
}

/** Origins of messages on one channel; more are forgotten in the order in which they were met. */
const MAX_ORIGINS = 1_024;

/**
 * What has arrived on a channel, for each origin. A broker or a repeated attempt may bring a message
 * twice or an old one late; both are told by the origin's counts, and so is what never came.
 */
export class Arrivals {
  readonly #seen = new Map<string, Seen>();

  /**
   * @returns how many messages of the same origin are missing right before this one, or undefined
   *   when it, or a later one, has arrived before
   */
  take({ origin, generation, count }: Envelope): number | undefined {
    const seen = this.#seen.get(origin);
    if (seen === undefined) {
      if (this.#seen.size >= MAX_ORIGINS) this.#forgetOne();
      this.#seen.set(origin, { generation, count });
      return 0;
    }
    if (generation < seen.generation) return undefined;
    if (generation > seen.generation) {
      seen.generation = generation;
      seen.count = 0;
    }
    if (count <= seen.count) return undefined;
    const missed = count - seen.count - 1;
    seen.count = count;
    return missed;
  }

  #forgetOne(): void {
    for (const origin of this.#seen.keys()) {
      this.#seen.delete(origin);
      return;
    }
  }
}
