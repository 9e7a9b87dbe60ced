import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Backend, BackendSet } from "../../src/core/backend.ts";
import { BoundedRingPolicy } from "../../src/policy/bounded-ring.ts";
import { RingPolicy } from "../../src/policy/ring.ts";

interface Fake extends Backend {
  load: number;
}

function backend(id: string, load = 0, weight = 1): Fake {
  const address = { kind: "unix", path: "/a" } as const;
  return { id, url: "http://a", address, weight, state: "up", serves: true, connections: 0, load };
}

function fleet(count: number): Fake[] {
  return Array.from({ length: count }, (_, i) => backend(`backend-${i}`));
}

function poolOf(backends: readonly Fake[]): BackendSet {
  return { backends, generation: 0 };
}

function firstOf(candidates: Iterable<Backend>): Fake {
  for (const first of candidates) return first;
  throw new Error("the pool is empty");
}

/** Even chances that are the same in each run (Park and Miller 1988). */
function evenFractions(): () => number {
  let state = 7;
  return () => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
}

/** Draws 30 % of all from one key, and the rest by Zipf's law from 1,000 others. */
function keyDrawer(fraction: () => number): () => string {
  let sum = 0;
  const sums = Array.from({ length: 1000 }, (_, i) => (sum += 1 / (i + 1)));
  return () => {
    if (fraction() < 0.3) return "hot";
    const mark = fraction() * sum;
    return `key-${sums.findIndex((upTo) => upTo > mark)}`;
  };
}

// Whole percents and whole weights: the capacity is exact in whole numbers.
const anyPercent = fc.integer({ min: 100, max: 300 });
const anyLoads = fc.array(fc.tuple(fc.nat(30), fc.constantFrom(1, 2, 3)), {
  minLength: 1,
  maxLength: 8,
});
const anyFleet = anyLoads.map((all) =>
  all.map(([load, weight], i) => backend(`backend-${i}`, load, weight)),
);

function exactCapacity(percent: number, backends: readonly Fake[], weight: number): number {
  const load = backends.reduce((sum, one) => sum + one.load, 0);
  const total = backends.reduce((sum, one) => sum + one.weight, 0) * 100;
  return Math.floor((percent * (load + 1) * weight + total - 1) / total);
}

describe("the bounded ring under one hot key", () => {
  it.each([10, 100])("keeps each of %d backends within its bound at every placement", (count) => {
    const fraction = evenFractions();
    const draw = keyDrawer(fraction);
    const backends = fleet(count);
    const [policy, plain] = [new BoundedRingPolicy(1.25), new RingPolicy()];
    const placed: Fake[] = [];
    let arrivals = 0;
    let spilled = 0;
    while (arrivals < 10_000) {
      if (placed.length > 0 && fraction() < 0.25) {
        const [gone] = placed.splice(Math.floor(fraction() * placed.length), 1);
        if (gone !== undefined) gone.load--;
        continue;
      }
      const key = draw();
      const chosen = firstOf(policy.candidates(key, poolOf(backends)));
      const bound = Math.ceil((1.25 * (placed.length + 1)) / count);
      chosen.load++;
      placed.push(chosen);
      arrivals++;
      if (chosen.load > bound) expect([arrivals, chosen.load]).toEqual([arrivals, `<= ${bound}`]);
      if (chosen !== firstOf(plain.candidates(key, poolOf(backends)))) spilled++;
    }
    // The bound had work to do, and most keys kept their own place all the same.
    expect(spilled).toBeGreaterThan(1000);
    expect(spilled).toBeLessThan(7000);
  });
});

describe("the bounded ring's order", () => {
  it("is the ring's among those with room, then the full ones by load for their weight", () => {
    fc.assert(
      fc.property(anyFleet, anyPercent, fc.string(), (backends, percent, key) => {
        const isFull = ({ load, weight }: Fake): boolean =>
          load >= exactCapacity(percent, backends, weight);
        const walk = [...new RingPolicy().candidates(key, poolOf(backends))] as Fake[];
        const full = walk.filter(isFull).sort((a, b) => a.load / a.weight - b.load / b.weight);
        const policy = new BoundedRingPolicy(percent / 100);
        expect([...policy.candidates(key, poolOf(backends))]).toEqual([
          ...walk.filter((one) => !isFull(one)),
          ...full,
        ]);
        for (const one of backends)
          expect(policy.hasRoom(one, poolOf(backends))).toBe(!isFull(one));
      }),
      { numRuns: 300 },
    );
  });

  it("always begins with one that has room", () => {
    fc.assert(
      fc.property(anyFleet, anyPercent, fc.string(), (backends, percent, key) => {
        const policy = new BoundedRingPolicy(percent / 100);
        const pool = poolOf(backends);
        expect(policy.hasRoom(firstOf(policy.candidates(key, pool)), pool)).toBe(true);
      }),
    );
  });

  it("puts a key whose place has room exactly where the plain ring puts it", () => {
    const plain = new RingPolicy();
    const backends = fleet(5);
    const policy = new BoundedRingPolicy(1.25);
    fc.assert(
      fc.property(
        fc.array(fc.nat(20), { minLength: 5, maxLength: 5 }),
        fc.string(),
        (loads, key) => {
          loads.forEach((load, i) => {
            const one = backends[i];
            if (one !== undefined) one.load = load;
          });
          const home = firstOf(plain.candidates(key, poolOf(backends)));
          const chosen = firstOf(policy.candidates(key, poolOf(backends)));
          expect(chosen === home).toBe(policy.hasRoom(home, poolOf(backends)));
        },
      ),
    );
  });

  it("brings a key back to its own place when there is room again", () => {
    const backends = fleet(5);
    const policy = new BoundedRingPolicy(1.25);
    const [home, next] = [...policy.candidates("key", poolOf(backends))] as [Fake, Fake];
    home.load = 10;
    expect(firstOf(policy.candidates("key", poolOf(backends)))).toBe(next);
    home.load = 0;
    expect(firstOf(policy.candidates("key", poolOf(backends)))).toBe(home);
  });

  it("goes in turn without a key, past those that are full", () => {
    const backends = [backend("a"), backend("b", 9), backend("c")];
    const policy = new BoundedRingPolicy(1.25);
    const orders = [1, 2, 3].map(() =>
      Array.from(policy.candidates(undefined, poolOf(backends)), ({ id }) => id).join(""),
    );
    expect(orders).toEqual(["acb", "cab", "cab"]);
  });

  it("sees loads as they are when a candidate is asked for", () => {
    const backends = fleet(4);
    const policy = new BoundedRingPolicy(1.25);
    const walk = [...policy.candidates("key", poolOf(backends))] as Fake[];
    const offered: Backend[] = [];
    for (const one of policy.candidates("key", poolOf(backends))) {
      offered.push(one);
      const second = walk[1];
      if (second !== undefined) second.load = 50;
    }
    expect(offered).toEqual([walk[0], walk[2], walk[3], walk[1]]);
  });
});

describe("the capacity", () => {
  it.each([
    // 1.1 × 10 is 11.000000000000002 in doubles.
    { maxLoad: 1.1, loads: [9], weights: [1], room: [11] },
    { maxLoad: 1.25, loads: [0, 99], weights: [1, 1], room: [63, 63] },
    { maxLoad: 1, loads: [3, 0], weights: [1, 1], room: [2, 2] },
    { maxLoad: 1.25, loads: [0, 0, 39], weights: [1, 2, 5], room: [7, 13, 32] },
    { maxLoad: 1, loads: [0, 0], weights: [0.1, 0.9], room: [1, 1] },
  ])("of weights $weights with loads $loads, bound by $maxLoad, is $room", (example) => {
    const { maxLoad, loads, weights, room } = example;
    const policy = new BoundedRingPolicy(maxLoad);
    const backends = weights.map((weight, i) => backend(`${i}`, loads[i], weight));
    room.forEach((capacity, i) => {
      // A copy stands for it, so that the load of all stays what it is.
      const withLoad = (load: number): Fake => backend(`${i}`, load, weights[i]);
      expect(policy.hasRoom(withLoad(capacity - 1), poolOf(backends))).toBe(true);
      expect(policy.hasRoom(withLoad(capacity), poolOf(backends))).toBe(false);
    });
  });
});

describe("the bounded ring's movement", () => {
  it("is that of the ring within", () => {
    const [policy, plain] = [new BoundedRingPolicy(1.25), new RingPolicy()];
    [10, 11].forEach((count, generation) => {
      for (const one of [policy, plain]) {
        firstOf(one.candidates("key", { backends: fleet(count), generation }));
      }
    });
    expect(policy.movement.changes).toBe(1);
    expect(policy.movement).toEqual(plain.movement);
  });
});
