import type { Ring, RingMember } from "./ring.ts";

/** Says who owns a key. It never changes: another membership or table makes another map. */
export interface ShardMap {
  /** The id of the owner; undefined when there are no members. */
  ownerOf(key: string): string | undefined;
}

/** A range of keys from its start to the start of the next, in the order of their UTF-16 units. */
export interface ShardRange {
  /** The first range starts with "", which is before every key. */
  readonly start: string;
  /** Who owns it, while it is a member; the ring decides otherwise. */
  readonly owner?: string | undefined;
}

/** What a map needs besides its members. */
export type ShardTable =
  | { readonly kind: "hash" }
  | { readonly kind: "range"; readonly ranges: readonly ShardRange[] }
  | { readonly kind: "directory"; readonly owners: Readonly<Record<string, string>> };

/** @param ring of the members */
export function shardMap(table: ShardTable, members: readonly RingMember[], ring: Ring): ShardMap {
  const ids = new Set(members.map(({ id }) => id));
  const isMember = (id: string): boolean => ids.has(id);
  switch (table.kind) {
    case "hash":
      return ring;
    case "range":
      return new RangeMap(table.ranges, ring, isMember);
    case "directory":
      return new DirectoryMap(table.owners, ring, isMember);
  }
}

class DirectoryMap implements ShardMap {
  readonly #owners: Readonly<Record<string, string>>;
  readonly #ring: Ring;
  readonly #isMember: (id: string) => boolean;

  constructor(
    owners: Readonly<Record<string, string>>,
    ring: Ring,
    isMember: (id: string) => boolean,
  ) {
    this.#owners = owners;
    this.#ring = ring;
    this.#isMember = isMember;
  }

  ownerOf(key: string): string | undefined {
    const owner = Object.hasOwn(this.#owners, key) ? this.#owners[key] : undefined;
    return owner !== undefined && this.#isMember(owner) ? owner : this.#ring.ownerOf(key);
  }
}

class RangeMap implements ShardMap {
  readonly #ranges: readonly ShardRange[];
  readonly #ring: Ring;
  readonly #isMember: (id: string) => boolean;

  constructor(ranges: readonly ShardRange[], ring: Ring, isMember: (id: string) => boolean) {
    this.#ranges = ranges;
    this.#ring = ring;
    this.#isMember = isMember;
  }

  ownerOf(key: string): string | undefined {
    const range = this.#ranges[rangeAt(this.#ranges, key)];
    const { owner, start = "" } = range ?? {};
    // A whole range stays together: its start stands for it on the ring.
    return owner !== undefined && this.#isMember(owner) ? owner : this.#ring.ownerOf(start);
  }
}

/** The place of the range that holds a key. */
function rangeAt(ranges: readonly ShardRange[], key: string): number {
  let low = 0;
  let high = ranges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((ranges[middle]?.start ?? "") <= key) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The range that holds `at` ends there, and a new one starts, assigned to the same node if any. */
export function splitRange(ranges: readonly ShardRange[], at: string): readonly ShardRange[] {
  const place = rangeAt(ranges, at);
  const range = ranges[place];
  if (range === undefined || range.start === at) return ranges;
  return [...ranges.slice(0, place + 1), { ...range, start: at }, ...ranges.slice(place + 1)];
}

/** The range that starts with `at` becomes part of the one before it. */
export function mergeRange(ranges: readonly ShardRange[], at: string): readonly ShardRange[] {
  return ranges.filter(({ start }, place) => place === 0 || start !== at);
}
