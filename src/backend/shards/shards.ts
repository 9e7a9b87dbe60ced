import { mergeRange, splitRange, type ShardTable } from "../../ring/shard-map.ts";
import { FleetError } from "../fleet-error.ts";
import type { Membership } from "./membership.ts";
import type { Assignment, Ownership } from "./ownership.ts";
import type { TableName, View } from "./view.ts";

/** Of what `movedSince` can tell. */
const MAX_HISTORY = 64;
/** A table is part of each view, which is read and written as a whole. */
const MAX_TABLE_ENTRIES = 10_000;

export interface MovedKey {
  readonly key: string;
  /** Undefined when nobody did, or does. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export interface ShardsOptions {
  readonly table: TableName;
  readonly membership: Membership;
  readonly ownership: Ownership;
}

/** Who owns which key, as this node knows it. */
export class Shards {
  readonly #options: ShardsOptions;
  readonly #history: Assignment[] = [];
  readonly #listeners = new Set<(epoch: number) => void>();

  /** See `Fleet.shards`. */
  constructor(options: ShardsOptions) {
    this.#options = options;
  }

  /** Of the membership and tables by which this node acts; each change has the next one. */
  get epoch(): number {
    return this.#options.ownership.current?.epoch ?? 0;
  }

  /** The node that owns a key, or will as soon as the one before has given it up. */
  ownerOf(key: string): string | undefined {
    return this.#options.ownership.current?.maps[this.#options.table].ownerOf(key);
  }

  /**
   * Whether this node owns a key at this moment: no two nodes get true for one key at a time, however
   * late one of them learns of a change. Ask right before each act, and act without waiting.
   */
  isLocal(key: string): boolean {
    return this.#options.ownership.isLocal(this.#options.table, key);
  }

  /**
   * Which keys have another owner than at an earlier epoch.
   *
   * @returns undefined when that epoch was too long ago, or before this node joined
   */
  movedSince(epoch: number, keys: Iterable<string>): readonly MovedKey[] | undefined {
    const before = this.#history.find((assignment) => assignment.epoch === epoch);
    if (before === undefined) return undefined;
    const moved: MovedKey[] = [];
    for (const key of keys) {
      const from = before.maps[this.#options.table].ownerOf(key);
      const to = this.ownerOf(key);
      if (from !== to) moved.push({ key, from, to });
    }
    return moved;
  }

  /** Calls a function after each change, with the epoch that it begins. @returns ends that */
  onChange(listener: (epoch: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A range ends before `at`, and another one starts there: of the same node if that was assigned. */
  split(at: string): Promise<void> {
    return this.#edit("range", (table) => ({ ...table, ranges: splitRange(table.ranges, at) }));
  }

  /** The range that starts at `at` becomes part of the one before it. */
  merge(at: string): Promise<void> {
    return this.#edit("range", (table) => ({ ...table, ranges: mergeRange(table.ranges, at) }));
  }

  /**
   * Gives a key of a directory, or the range that starts at a key, to a node; while that node is not
   * a member, the ring decides.
   *
   * @param owner undefined to leave it to the ring again
   * @throws FleetError `bad_shards` for keys that are shared out by hash, and for a range that is none
   */
  assign(key: string, owner: string | undefined): Promise<void> {
    const { tables } = this.#options.membership.view ?? {};
    if (tables?.[this.#options.table].kind === "range") {
      return this.#edit("range", (table) => {
        if (!table.ranges.some(({ start }) => start === key)) {
          throw new FleetError("bad_shards", `no range starts at ${JSON.stringify(key)}: split it`);
        }
        const ranges = table.ranges.map((range) =>
          range.start === key ? { start: key, ...(owner !== undefined && { owner }) } : range,
        );
        return { ...table, ranges };
      });
    }
    return this.#edit("directory", (table) => {
      const owners = Object.entries(table.owners).filter(([other]) => other !== key);
      if (owner !== undefined) owners.push([key, owner]);
      return { ...table, owners: Object.fromEntries(owners) };
    });
  }

  /** A new view is adopted. */
  changed(assignment: Assignment): void {
    this.#history.push(assignment);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    for (const listener of this.#listeners) listener(assignment.epoch);
  }

  #edit<K extends ShardTable["kind"]>(
    kind: K,
    edit: (table: Extract<ShardTable, { kind: K }>) => Extract<ShardTable, { kind: K }>,
  ): Promise<void> {
    const { table: name, membership } = this.#options;
    return membership.change((view: View) => {
      const table = view.tables[name];
      if (!isOfKind(table, kind)) {
        throw new FleetError("bad_shards", `${name} are shared out by ${table.kind}, not ${kind}`);
      }
      const edited = edit(table);
      if (entriesOf(edited) > MAX_TABLE_ENTRIES) {
        throw new FleetError("bad_shards", `a table has at most ${MAX_TABLE_ENTRIES} entries`);
      }
      const { members, tables } = view;
      return { members, tables: { ...tables, [name]: edited } };
    });
  }
}

function isOfKind<K extends ShardTable["kind"]>(
  table: ShardTable,
  kind: K,
): table is Extract<ShardTable, { kind: K }> {
  return table.kind === kind;
}

function entriesOf(table: ShardTable): number {
  if (table.kind === "range") return table.ranges.length;
  return table.kind === "directory" ? Object.keys(table.owners).length : 0;
}
