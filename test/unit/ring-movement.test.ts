import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Backend, BackendSet } from "../../src/core/backend.ts";
import { RingPolicy } from "../../src/policy/ring.ts";
import { Ring, type RingMember } from "../../src/ring/ring.ts";

interface Point {
  readonly at: number;
  readonly id: string;
}

/** Ketama's points, as in ring.test.ts; where two share one, the lower id comes first. */
function pointsOf(members: readonly RingMember[]): Point[] {
  const points = members.flatMap(({ id, weight }) =>
    Array.from({ length: Math.max(1, Math.round(40 * weight)) }, (_, i) => {
      const digest = createHash("md5").update(`${id}-${i}`).digest();
      return [0, 4, 8, 12].map((at) => ({ id, at: digest.readUInt32LE(at) }));
    }).flat(),
  );
  return points.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

function ownerAt(points: readonly Point[], hash: number): string | undefined {
  return (points.find(({ at }) => at >= hash) ?? points[0])?.id;
}

/** How many of all hashes count, asked for once between each two marks. */
function shareWhere(marks: readonly number[], counts: (hash: number) => boolean): number {
  const ends = [...new Set([...marks, 2 ** 32 - 1])].sort((a, b) => a - b);
  let sum = 0;
  ends.forEach((end, i) => {
    if (counts(end)) sum += end - (ends[i - 1] ?? -1);
  });
  return sum / 2 ** 32;
}

function movedByHand(after: readonly RingMember[], before: readonly RingMember[]): number {
  const [points, pointsBefore] = [pointsOf(after), pointsOf(before)];
  const marks = [...points, ...pointsBefore].map(({ at }) => at);
  return shareWhere(marks, (hash) => ownerAt(points, hash) !== ownerAt(pointsBefore, hash));
}

function fleet(count: number, from = 0): RingMember[] {
  return Array.from({ length: count }, (_, i) => ({ id: `backend-${from + i}`, weight: 1 }));
}

const anyFleet = fc.uniqueArray(
  fc.record({
    id: fc.constantFrom("a", "b", "c", "d", "e", "b7", "b160"),
    weight: fc.constantFrom(0.001, 0.05, 0.25),
  }),
  { maxLength: 5, selector: ({ id }) => id },
);

describe("the share of keys that move", () => {
  it("is exact, whoever came, went or changed weight", () => {
    fc.assert(
      fc.property(anyFleet, anyFleet, (after, before) => {
        const expected = movedByHand(after, before);
        expect(new Ring(after).movedFrom(new Ring(before))).toBe(expected);
        expect(new Ring(before).movedFrom(new Ring(after))).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });

  it("is exact where two members share a point", () => {
    // b7 and b160 share the point 396772837.
    const of = ["b160", "b7", "a"].map((id) => ({ id, weight: 1 }));
    for (const after of [of.slice(1), of.slice(0, 1), [of[0], of[2]] as RingMember[]]) {
      expect(new Ring(after).movedFrom(new Ring(of))).toBe(movedByHand(after, of));
    }
  });

  it("is that of sampled keys", () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `key-${i}`);
    const rings = [fleet(10), fleet(11), fleet(9, 1), fleet(10, 5)].map((of) => new Ring(of));
    for (const before of rings) {
      for (const after of rings) {
        const moved = keys.filter((key) => after.ownerOf(key) !== before.ownerOf(key)).length;
        // Four standard deviations of so many keys, at most.
        expect(Math.abs(after.movedFrom(before) - moved / keys.length)).toBeLessThan(0.015);
      }
    }
  });

  it("is nothing between equal rings, and all where none of the owners is left", () => {
    const [ring, empty] = [new Ring(fleet(10)), new Ring([])];
    expect(ring.movedFrom(new Ring(fleet(10).toReversed()))).toBe(0);
    expect(ring.movedFrom(new Ring(fleet(10, 10)))).toBe(1);
    expect(ring.movedFrom(empty)).toBe(1);
    expect(empty.movedFrom(ring)).toBe(1);
    expect(empty.movedFrom(new Ring([]))).toBe(0);
  });

  it("to an eleventh member is what it owns: none moves between two old ones", () => {
    const [before, after] = [fleet(10), fleet(11)];
    const points = pointsOf(after);
    const marks = points.map(({ at }) => at);
    const owned = shareWhere(marks, (hash) => ownerAt(points, hash) === "backend-10");
    expect(new Ring(after).movedFrom(new Ring(before))).toBe(owned);
  });

  it("to an eleventh member is about an eleventh", () => {
    let sum = 0;
    for (let i = 0; i < 20; i++) {
      const moved = new Ring(fleet(11, 100 * i)).movedFrom(new Ring(fleet(10, 100 * i)));
      expect(moved).toBeGreaterThan(0.6 / 11);
      expect(moved).toBeLessThan(1.5 / 11);
      sum += moved;
    }
    expect(Math.abs(sum / 20 - 1 / 11)).toBeLessThan(0.01);
  });
});

function poolOf(members: readonly RingMember[], generation: number): BackendSet {
  const address = { kind: "unix", path: "/a" } as const;
  const same = {
    url: "http://a",
    address,
    state: "up",
    serves: true,
    connections: 0,
    load: 0,
  } as const;
  return { generation, backends: members.map((member): Backend => ({ ...member, ...same })) };
}

describe("the ring policy's movement", () => {
  it("counts the changes that it follows, with the share of the last", () => {
    const policy = new RingPolicy();
    const after = (of: readonly RingMember[], generation: number): unknown => {
      expect([...policy.candidates("key", poolOf(of, generation))]).toHaveLength(of.length);
      return policy.movement;
    };
    expect(policy.movement).toEqual({ changes: 0, lastShare: 0 });
    expect(after(fleet(10), 5)).toEqual({ changes: 0, lastShare: 0 });
    const joined = { changes: 1, lastShare: movedByHand(fleet(11), fleet(10)) };
    expect(after(fleet(11), 6)).toEqual(joined);
    expect(after(fleet(11), 6)).toEqual(joined);
    const left = { changes: 2, lastShare: movedByHand(fleet(10, 1), fleet(11)) };
    expect(after(fleet(10, 1), 7)).toEqual(left);
    expect(after(fleet(10, 1), 8)).toEqual({ changes: 3, lastShare: 0 });
  });
});
