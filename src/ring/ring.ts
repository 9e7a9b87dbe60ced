import HashRing from "hashring";

/** Ketama places 160 points for a server of weight 1: 40 MD5 digests of 4 points each. */
const DIGESTS_PER_WEIGHT = 40;

export interface RingMember {
  readonly id: string;
  readonly weight: number;
}

/**
 * A consistent-hash ring with the placement of ketama (Karger et al. 1997; libketama 2007), as the
 * package `hashring` makes it. Each member's points depend on its own id and weight alone, so that a
 * member that joins or leaves moves no key between two others. It holds no state but its members:
 * edges with equal members agree on every key.
 */
export class Ring {
  readonly #ring: HashRing;
  readonly #size: number;

  constructor(members: readonly RingMember[]) {
    this.#size = members.length;
    const servers = Object.fromEntries(
      members.map(({ id, weight }) => [
        id,
        { vnodes: Math.max(1, Math.round(DIGESTS_PER_WEIGHT * weight)) },
      ]),
    );
    // A default that no member has makes the package take each member's own count; otherwise it
    // divides a total among them by weight, and one newcomer shifts the points of all.
    this.#ring = new HashRing(servers, "md5", { "vnode count": -1, "max cache size": 1 });
  }

  /** Ids in the order in which the ring meets them from the key on, each once. */
  *walk(key: string): Generator<string> {
    if (this.#size === 0) return;
    const first = this.#ring.range(key, 1);
    yield* first;
    // Ordering the whole ring costs far more than its first member, which nearly always serves.
    const [owner] = first;
    for (const id of this.#ring.range(key)) {
      if (id !== owner) yield id;
    }
  }
}
