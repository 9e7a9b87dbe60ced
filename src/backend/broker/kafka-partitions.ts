import { Ring } from "../../ring/ring.ts";

/** The partitions of a topic. Nodes with the same count agree on where a channel is. */
export class KeyedPartitions {
  readonly count: number;
  readonly #ring: Ring;

  constructor(count: number) {
    this.count = count;
    const ids = Array.from({ length: count }, (_, partition) => String(partition));
    this.#ring = new Ring(ids.map((id) => ({ id, weight: 1 })));
  }

  of(channel: string): number {
    return Number(this.#ring.ownerOf(channel));
  }
}
