import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { md5 } from "../../src/ring/md5.ts";
import { Ring, type RingMember } from "../../src/ring/ring.ts";

const anyWeight = fc.constantFrom(0.001, 0.5, 1, 2);
const anyId = fc.constantFrom("a", "b", "c", "d", "e", "a-1", "b7", "b160", "Z", "~");
const anyFleet = fc.uniqueArray(fc.record({ id: anyId, weight: anyWeight }), {
  maxLength: 8,
  selector: ({ id }) => id,
});
const KEYS = Array.from({ length: 200 }, (_, i) => `key-${i}`);

/** The keys that two rings do not agree on, in any place of the walk. */
function disputed(one: Ring, other: Ring, keys: readonly string[]): string[] {
  return keys.filter((key) => [...one.walk(key)].join() !== [...other.walk(key)].join());
}

describe("a ring that is made from another", () => {
  it("equals one that is made anew, however members came, went and changed their weights", () => {
    fc.assert(
      fc.property(fc.array(anyFleet, { minLength: 2, maxLength: 6 }), (fleets) => {
        let ring: Ring | undefined;
        for (const members of fleets) {
          ring = new Ring(members, ring);
          expect(disputed(ring, new Ring(members), KEYS.slice(0, 20))).toEqual([]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("orders points that two members share as one that is made anew", () => {
    // b7 and b160 share the point 396772837.
    const [b7, b160] = ["b7", "b160"].map((id) => ({ id, weight: 1 })) as [RingMember, RingMember];
    const fresh = new Ring([b7, b160]);
    const keys = Array.from({ length: 2000 }, (_, i) => `key-${i}`);
    expect(disputed(new Ring([b7, b160], new Ring([b7])), fresh, keys)).toEqual([]);
    expect(disputed(new Ring([b7, b160], new Ring([b160])), fresh, keys)).toEqual([]);
  });

  it("leaves the other as it was", () => {
    const members = ["a", "b", "c"].map((id) => ({ id, weight: 1 }));
    const before = new Ring(members);
    const after = new Ring(members.slice(1), before);
    expect(disputed(before, new Ring(members), KEYS)).toEqual([]);
    expect(disputed(after, new Ring(members.slice(1)), KEYS)).toEqual([]);
  });
});

describe("the owner of a key", () => {
  it("is the first of the walk; an empty ring has none", () => {
    fc.assert(
      fc.property(anyFleet, fc.string(), (members, key) => {
        const ring = new Ring(members);
        expect(ring.ownerOf(key)).toBe([...ring.walk(key)][0]);
      }),
    );
  });

  it("is found by walks that are under way at once", () => {
    const ring = new Ring(["a", "b", "c"].map((id) => ({ id, weight: 1 })));
    const walks = KEYS.map((key) => ({ key, walk: ring.walk(key), met: [] as string[] }));
    for (let turn = 0; turn < 3; turn++) {
      for (const { walk, met } of walks) met.push(String(walk.next().value));
    }
    for (const { key, met } of walks) expect(met).toEqual([...ring.walk(key)]);
  });
});

describe("the digest of keys", () => {
  const words = (text: string): number[] => {
    const into = new Uint32Array(4);
    md5(text, into);
    return [...into];
  };
  const oracle = (text: string): number[] => {
    const digest = createHash("md5").update(text).digest();
    return [0, 4, 8, 12].map((at) => digest.readUInt32LE(at));
  };

  it("is MD5 at every length around a block's end", () => {
    for (let length = 0; length <= 200; length++) {
      for (const text of ["x".repeat(length), "\x7f\0".repeat(length).slice(0, length)]) {
        expect([length, words(text)]).toEqual([length, oracle(text)]);
      }
    }
  });

  it("is MD5 of the UTF-8 of any text", () => {
    const units = fc.constantFrom("binary", "binary-ascii", "grapheme");
    const texts = units.chain((unit) => fc.string({ unit, maxLength: 70 }));
    fc.assert(
      fc.property(texts, (text) => {
        expect(words(text)).toEqual(oracle(text));
      }),
      { numRuns: 1000 },
    );
  });

  it.each(["é", "ÿ", "\x80", "€", "😀", "\ud800", `${"x".repeat(54)}é`])("is MD5 of %j", (text) => {
    expect(words(text)).toEqual(oracle(text));
  });

  it("does not remember the text before", () => {
    words("a longer text than the next");
    expect(words("short")).toEqual(oracle("short"));
  });
});
