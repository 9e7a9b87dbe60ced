import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ring } from "../../src/ring/ring.ts";
import { mergeRange, shardMap, splitRange, type ShardRange } from "../../src/ring/shard-map.ts";

const MEMBERS = ["a", "b", "c"].map((id) => ({ id, weight: 1 }));
const ring = new Ring(MEMBERS);
const key = fc.string({ maxLength: 6 });
const boundaries = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 12 });

function rangesOf(starts: readonly string[]): ShardRange[] {
  return ["", ...starts].sort().map((start) => ({ start }));
}

function ownerIn(ranges: readonly ShardRange[], name: string): string | undefined {
  return shardMap({ kind: "range", ranges }, MEMBERS, ring).ownerOf(name);
}

describe("a map by hash", () => {
  it("places keys as the ring does", () => {
    fc.assert(
      fc.property(key, (name) => {
        expect(shardMap({ kind: "hash" }, MEMBERS, ring).ownerOf(name)).toBe(ring.ownerOf(name));
      }),
    );
  });
});

describe("a map by range", () => {
  it("gives a key to the range with the last start that is not behind it", () => {
    fc.assert(
      fc.property(boundaries, key, (starts, name) => {
        const ranges = rangesOf(starts);
        const start = ranges.findLast((range) => range.start <= name)?.start ?? "";
        expect(ownerIn(ranges, name)).toBe(ring.ownerOf(start));
      }),
    );
  });

  it("keeps a range with the member that it was assigned to, while it is one", () => {
    const ranges = [
      { start: "", owner: "b" },
      { start: "m", owner: "gone" },
    ];
    expect(ownerIn(ranges, "a")).toBe("b");
    expect(ownerIn(ranges, "z")).toBe(ring.ownerOf("m"));
  });

  it("splits one range and leaves the others as they are; a merge undoes it", () => {
    fc.assert(
      fc.property(boundaries, fc.string({ minLength: 1, maxLength: 4 }), (starts, at) => {
        const ranges = rangesOf(starts).map((range, i) => ({ ...range, owner: `m${i}` }));
        const split = splitRange(ranges, at);
        expect(split.map(({ start }) => start)).toEqual([...new Set(["", ...starts, at])].sort());
        if (starts.includes(at)) expect(split).toBe(ranges);
        else expect(mergeRange(split, at)).toEqual(ranges);
      }),
    );
  });

  it("never merges away its first range", () => {
    expect(mergeRange(rangesOf(["m"]), "")).toEqual(rangesOf(["m"]));
  });
});

describe("a map by directory", () => {
  it("follows the table, and the ring where the table names nobody who is there", () => {
    const owners = { "room:1": "c", "room:2": "gone", constructor: "a" };
    const map = shardMap({ kind: "directory", owners }, MEMBERS, ring);
    expect(map.ownerOf("room:1")).toBe("c");
    expect(map.ownerOf("constructor")).toBe("a");
    for (const name of ["room:2", "room:3", "toString", "__proto__"]) {
      expect(map.ownerOf(name)).toBe(ring.ownerOf(name));
    }
  });
});
