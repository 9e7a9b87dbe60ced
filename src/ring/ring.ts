import { md5 } from "./md5.ts";

/** Ketama places 160 points for a server of weight 1: 40 MD5 digests of 4 points each. */
const DIGESTS_PER_WEIGHT = 40;
const POINTS_PER_DIGEST = 4;
/** Point and owner in one number that sorts by both: 32 bits and 20 fit into a double's 53. */
const OWNER_RANGE = 2 ** 20;
/** Keys are placed by 32 bits of their digest. */
const LAST_KEY = 2 ** 32 - 1;

export interface RingMember {
  readonly id: string;
  readonly weight: number;
}

const digest = new Uint32Array(POINTS_PER_DIGEST);

/**
 * A consistent-hash ring with the placement of ketama (Karger et al. 1997; libketama 2007), equal to
 * that of the package `hashring` key by key. Each member's points depend on its own id and weight
 * alone, so that a member that joins or leaves moves no key between two others. It holds no state
 * but its members: edges with equal members, in whatever order, agree on every key.
 *
 * All points lie in one sorted array beside the array of their owners. They are spread evenly, so an
 * index by the first bits of a hash leaves about one point to look at. A ring that is made from
 * another hashes the newcomers only and merges once.
 */
export class Ring {
  /** In the order of their ids, which decides where two members share a point. */
  readonly #members: readonly RingMember[];
  readonly #points: Uint32Array;
  /** The owner of each point, by its place among the members. */
  readonly #owners: Uint32Array;
  /** Where the points begin whose first bits are at least the index. */
  readonly #starts: Uint32Array;
  readonly #shift: number;

  /** @param before a ring with some of the same members, whose points are used again */
  constructor(members: readonly RingMember[], before?: Ring) {
    this.#members = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
    const kept = before === undefined ? [] : this.#keptFrom(before);
    const known = new Set(kept);
    const size = this.#members.reduce((sum, member) => sum + pointCount(member), 0);
    this.#points = new Uint32Array(size);
    this.#owners = new Uint32Array(size);
    this.#merge(
      pointsOf(this.#members, (place) => !known.has(place)),
      before,
      kept,
    );
    const bits = Math.max(1, Math.ceil(Math.log2(size)));
    this.#shift = 32 - bits;
    this.#starts = new Uint32Array(2 ** bits);
    for (let start = 0, at = 0; start < this.#starts.length; start++) {
      while (at < size && (this.#points[at] ?? 0) >>> this.#shift < start) at++;
      this.#starts[start] = at;
    }
  }

  /** The id that a key belongs to; undefined on an empty ring. */
  ownerOf(key: string): string | undefined {
    return this.#members[this.#owners[this.#find(key)] ?? 0]?.id;
  }

  /** Ids in the order in which the ring meets them from the key on, each once. */
  *walk(key: string): Generator<string> {
    const start = this.#find(key);
    const owner = this.#members[this.#owners[start] ?? 0];
    if (owner === undefined) return;
    yield owner.id;
    const seen = new Uint8Array(this.#members.length);
    seen[this.#owners[start] ?? 0] = 1;
    for (let i = 1, left = this.#members.length - 1; left > 0; i++) {
      const place = this.#owners[(start + i) % this.#owners.length] ?? 0;
      if (seen[place] === 1) continue;
      seen[place] = 1;
      left--;
      yield this.#members[place]?.id ?? "";
    }
  }

  /**
   * The exact share of all keys, from 0 to 1, that have another owner here than on the ring before.
   * Between two neighbouring points of both rings together, neither changes its owner.
   */
  movedFrom(before: Ring): number {
    const places = this.#placesOf(before);
    const [points, owners] = [this.#points, this.#owners];
    const [pointsBefore, ownersBefore] = [before.#points, before.#owners];
    const isMoved = (at: number, atBefore: number): boolean => {
      // Behind its last point, a ring goes round to its first; an empty one has no owner.
      const owner = owners[at < points.length ? at : 0];
      const ownerBefore = ownersBefore[atBefore < pointsBefore.length ? atBefore : 0];
      return owner !== (ownerBefore === undefined ? undefined : places[ownerBefore]);
    };
    let at = 0;
    let atBefore = 0;
    let moved = 0;
    let last = -1;
    while (at < points.length || atBefore < pointsBefore.length) {
      const point = at < points.length ? (points[at] ?? 0) : Infinity;
      const pointBefore = atBefore < pointsBefore.length ? (pointsBefore[atBefore] ?? 0) : Infinity;
      const next = point < pointBefore ? point : pointBefore;
      if (isMoved(at, atBefore)) moved += next - last;
      last = next;
      if (point === next) at++;
      if (pointBefore === next) atBefore++;
    }
    if (isMoved(at, atBefore)) moved += LAST_KEY - last;
    return moved / (LAST_KEY + 1);
  }

  /** The first point at or after the key's, going round. */
  #find(key: string): number {
    md5(key, digest);
    const hash = digest[0] ?? 0;
    let at = this.#starts[hash >>> this.#shift] ?? 0;
    while (at < this.#points.length && (this.#points[at] ?? 0) < hash) at++;
    return at === this.#points.length ? 0 : at;
  }

  /** For each member of the ring before: its place in this one, or -1 if it is gone. */
  #placesOf(before: Ring): number[] {
    const places = new Map(this.#members.map(({ id }, place) => [id, place]));
    return before.#members.map(({ id }) => places.get(id) ?? -1);
  }

  /** The same, with -1 also for those whose points are others now. */
  #keptFrom(before: Ring): number[] {
    return this.#placesOf(before).map((place, placeBefore) =>
      this.#members[place]?.weight === before.#members[placeBefore]?.weight ? place : -1,
    );
  }

  /** Both sides are sorted, and members keep their order: one pass makes the new arrays. */
  #merge(fresh: Float64Array, before: Ring | undefined, kept: readonly number[]): void {
    let next = 0;
    let at = 0;
    const take = (point: number, place: number): void => {
      this.#points[at] = point;
      this.#owners[at] = place;
      at++;
    };
    const takeFresh = (limit: number): void => {
      for (let entry = fresh[next]; entry !== undefined && entry < limit; entry = fresh[++next]) {
        take(Math.floor(entry / OWNER_RANGE), entry % OWNER_RANGE);
      }
    };
    for (let i = 0; before !== undefined && i < before.#points.length; i++) {
      const place = kept[before.#owners[i] ?? 0] ?? -1;
      if (place === -1) continue;
      const point = before.#points[i] ?? 0;
      takeFresh(point * OWNER_RANGE + place);
      take(point, place);
    }
    takeFresh(Infinity);
  }
}

/** The points of some members, each with its owner's place, in ascending order. */
function pointsOf(
  members: readonly RingMember[],
  isWanted: (place: number) => boolean,
): Float64Array {
  const entries: number[] = [];
  members.forEach((member, place) => {
    if (!isWanted(place)) return;
    for (let i = 0; i < digestCount(member); i++) {
      md5(`${member.id}-${i}`, digest);
      for (const point of digest) entries.push(point * OWNER_RANGE + place);
    }
  });
  return Float64Array.from(entries).sort();
}

function digestCount({ weight }: RingMember): number {
  return Math.max(1, Math.round(DIGESTS_PER_WEIGHT * weight));
}

function pointCount(member: RingMember): number {
  return digestCount(member) * POINTS_PER_DIGEST;
}
