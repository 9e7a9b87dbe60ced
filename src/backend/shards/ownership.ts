import { Ring } from "../../ring/ring.ts";
import { shardMap, type ShardMap } from "../../ring/shard-map.ts";
import { tableNames, type TableName, type View } from "./view.ts";

/** How many views may follow each other before all of them are adopted everywhere. */
const MAX_UNSETTLED = 16;

type Maps = Readonly<Record<TableName, ShardMap>>;

/** The maps of one view. */
export interface Assignment {
  readonly epoch: number;
  readonly maps: Maps;
  readonly ring: Ring;
}

export function assignmentOf(view: View, before: Assignment | undefined): Assignment {
  const members = view.members.filter(({ draining }) => !draining);
  const ring = new Ring(members, before?.ring);
  const [channels, connections] = tableNames.map((name) =>
    shardMap(view.tables[name], members, ring),
  ) as [ShardMap, ShardMap];
  return { epoch: view.epoch, maps: { channels, connections }, ring };
}

/**
 * When a node may act as an owner. Its lease must be valid; and since nodes adopt a view one after
 * the other, what it did not own before is its own only when all others have adopted the view too.
 */
export class Ownership {
  readonly #id: string;
  readonly #isValid: () => boolean;
  /** The last settled assignment and all after it, none left out; empty when that is not known. */
  #since: Assignment[] = [];
  #current: Assignment | undefined;
  #isSettled = false;

  constructor(id: string, isValid: () => boolean) {
    this.#id = id;
    this.#isValid = isValid;
  }

  get current(): Assignment | undefined {
    return this.#current;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** @param isNext it follows the one before directly */
  adopt(assignment: Assignment, isNext: boolean): void {
    this.#current = assignment;
    this.#isSettled = false;
    const isKnown = isNext && this.#since.length > 0 && this.#since.length < MAX_UNSETTLED;
    this.#since = isKnown ? [...this.#since, assignment] : [];
  }

  settle(): void {
    if (this.#current === undefined) return;
    this.#isSettled = true;
    this.#since = [this.#current];
  }

  /** Nothing of what it owned before counts any more. */
  lose(): void {
    this.#since = [];
    this.#isSettled = false;
  }

  isLocal(table: TableName, key: string): boolean {
    if (this.#current?.maps[table].ownerOf(key) !== this.#id || !this.#isValid()) return false;
    if (this.#isSettled) return true;
    const owned = ({ maps }: Assignment): boolean => maps[table].ownerOf(key) === this.#id;
    return this.#since.length > 0 && this.#since.every(owned);
  }
}
