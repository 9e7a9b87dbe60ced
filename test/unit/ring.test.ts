import { createHash } from "node:crypto";
import fc from "fast-check";
import HashRing from "hashring";
import { describe, expect, it } from "vitest";
import type { Backend, BackendSet } from "../../src/core/backend.ts";
import { RingPolicy } from "../../src/policy/ring.ts";
import { Ring, type RingMember } from "../../src/ring/ring.ts";

const KEYS = Array.from({ length: 2000 }, (_, i) => `key-${i}`);

function members(ids: readonly string[], weight = 1): RingMember[] {
  return ids.map((id) => ({ id, weight }));
}

function ownerOn(ring: Ring, key: string): string {
  for (const id of ring.walk(key)) return id;
  return "";
}

function placement(of: readonly RingMember[], keys: readonly string[] = KEYS): string[] {
  const ring = new Ring(of);
  return keys.map((key) => ownerOn(ring, key));
}

/** Ketama written anew: 40 digests of 4 points for a weight of 1; the next point on owns the key. */
function ketamaWalk(of: readonly RingMember[], key: string): string[] {
  const points = of.flatMap(({ id, weight }) =>
    Array.from({ length: Math.max(1, Math.round(40 * weight)) }, (_, i) => {
      const digest = createHash("md5").update(`${id}-${i}`).digest();
      return [0, 4, 8, 12].map((at) => ({ id, at: digest.readUInt32LE(at) }));
    }).flat(),
  );
  points.sort((a, b) => a.at - b.at);
  const hash = createHash("md5").update(key).digest().readUInt32LE(0);
  const first = points.findIndex(({ at }) => at >= hash);
  const from = first === -1 ? 0 : first;
  return [...new Set([...points.slice(from), ...points.slice(0, from)].map(({ id }) => id))];
}

// What a configuration takes for an id.
const anyId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,15}$/);
const anyWeight = fc.constantFrom(0.001, 0.5, 1, 1.3, 2, 5);
const anyMember = fc.record({ id: anyId, weight: anyWeight });
const anyMembers = (minLength: number): fc.Arbitrary<RingMember[]> =>
  fc.uniqueArray(anyMember, { minLength, maxLength: 9, selector: ({ id }) => id });
const anyKeys = fc.array(fc.string(), { minLength: 1, maxLength: 30 });

describe("the ring's placement", () => {
  it("equals that of the package hashring, key by key, for equal weights", () => {
    const ids = fc.uniqueArray(anyId, { minLength: 1, maxLength: 13 });
    fc.assert(
      // Of 7 servers the package gives each 39 digests instead of 40: 1 / 7 * 40 * 7 < 40.
      fc.property(
        ids.filter(({ length }) => length !== 7),
        anyKeys,
        (servers, keys) => {
          const oracle = new HashRing(servers);
          const ring = new Ring(members(servers));
          for (const key of keys) {
            // Not `get`: its cache writes to Object.prototype for the key "__proto__".
            expect(ownerOn(ring, key)).toBe(oracle.range(key, 1)[0]);
            expect([...ring.walk(key)]).toEqual(oracle.range(key));
          }
        },
      ),
    );
  });

  it("is ketama's for any number and any weights, first member and all that follow", () => {
    fc.assert(
      fc.property(anyMembers(1), anyKeys, (of, keys) => {
        const ring = new Ring(of);
        for (const key of keys) expect([...ring.walk(key)]).toEqual(ketamaWalk(of, key));
      }),
      { numRuns: 40 },
    );
  });

  it("goes round: keys behind the last of few points belong to the first", () => {
    const of = members(["a", "b", "c", "d"], 0.001);
    for (let first = 0; first < of.length; first++) {
      const some = of.slice(first);
      const ring = new Ring(some);
      for (const key of KEYS.slice(0, 100))
        expect([...ring.walk(key)]).toEqual(ketamaWalk(some, key));
    }
  });

  it("gives a key that lies on a point to that point's member", () => {
    // A member's points are digests of its id and a count: as keys, they lie on them.
    const ring = new Ring(members(["a", "b", "c"]));
    for (let i = 0; i < 40; i++) {
      for (const id of ["a", "b", "c"]) expect(ownerOn(ring, `${id}-${i}`)).toBe(id);
    }
  });

  it("is what it has always been: a release may not move every key", () => {
    const of = [
      { id: "a", weight: 1 },
      { id: "b", weight: 2 },
      { id: "c", weight: 0.5 },
    ];
    const keys = ["", "ümlaut", "x".repeat(1000), ...KEYS.slice(0, 21)];
    const ring = new Ring(of);
    expect(keys.map((key) => [...ring.walk(key)].join("")).join(" ")).toBe(
      "bac cba cab bca bac abc abc cab bac bca bca bac bca bac bac bac abc bac bac bca abc bac cab bac",
    );
  });

  it("does not depend on the order of members", () => {
    const orders = anyMembers(2).chain((of) =>
      fc.tuple(fc.constant(of), fc.shuffledSubarray(of, { minLength: of.length })),
    );
    fc.assert(
      fc.property(orders, anyKeys, ([of, shuffled], keys) => {
        const [ring, other] = [new Ring(of), new Ring(shuffled)];
        for (const key of keys) expect([...other.walk(key)]).toEqual([...ring.walk(key)]);
      }),
      { numRuns: 50 },
    );
  });

  it("does not depend on it either where points of two members collide", () => {
    // b7 and b160 share the point 396772837; in a fleet of 100 every 33rd has such a pair.
    const [first, second] = members(["b7", "b160"]) as [RingMember, RingMember];
    const keys = Array.from({ length: 5000 }, (_, i) => `key-${i}`);
    const [one, other] = [placement([first, second], keys), placement([second, first], keys)];
    expect(keys.filter((_, i) => one[i] !== other[i])).toEqual([]);
  });
});

describe("a walk", () => {
  it("from a key that is a name of every object harms none", () => {
    for (const key of ["__proto__", "constructor", "toString"]) {
      expect([...new Ring(members(["a", "b"])).walk(key)].toSorted()).toEqual(["a", "b"]);
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it("meets each member once", () => {
    fc.assert(
      fc.property(anyMembers(0), fc.string(), (of, key) => {
        const walked = [...new Ring(of).walk(key)];
        expect(walked.toSorted()).toEqual(of.map(({ id }) => id).toSorted());
      }),
    );
  });

  it("of an empty ring meets nobody", () => {
    expect([...new Ring([]).walk("key")]).toEqual([]);
  });

  it("of one member meets that one, whatever its weight", () => {
    for (const weight of [0.0001, 1, 100]) {
      const ring = new Ring([{ id: "a", weight }]);
      for (const key of KEYS.slice(0, 50)) expect([...ring.walk(key)]).toEqual(["a"]);
    }
  });

  it("goes on with the member that would own the key without the first", () => {
    fc.assert(
      fc.property(anyMembers(2), anyKeys, (of, keys) => {
        const ring = new Ring(of);
        for (const key of keys) {
          const [owner, ...others] = ring.walk(key);
          expect([...new Ring(of.filter(({ id }) => id !== owner)).walk(key)]).toEqual(others);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("a member that joins or leaves", () => {
  it("moves no key between two others, whatever the weights", () => {
    fc.assert(
      fc.property(anyMembers(2), anyKeys, ([newcomer, ...rest], keys) => {
        const before = placement(rest, keys);
        const after = placement([newcomer as RingMember, ...rest], keys);
        after.forEach((owner, i) => {
          if (owner !== before[i]) expect(owner).toBe(newcomer?.id);
        });
      }),
    );
  });

  it.each([2, 5, 10, 20])("of %d takes about its share of the keys", (count) => {
    const ids = Array.from({ length: count }, (_, i) => `backend-${i}`);
    const before = placement(members(ids.slice(1)));
    const after = placement(members(ids));
    const moved = after.filter((owner, i) => owner !== before[i]).length / KEYS.length;
    expect(moved).toBeGreaterThan(0.6 / count);
    expect(moved).toBeLessThan(1.5 / count);
  });

  it("that comes back has its old keys again", () => {
    const of = members(["a", "b", "c", "d"]);
    const before = placement(of);
    placement(of.slice(1));
    expect(placement(of)).toEqual(before);
  });
});

describe("weights", () => {
  it("give shares in their proportion", () => {
    const weights = [1, 2, 0.5, 4, 1.5];
    const owners: string[] = [];
    for (let fleet = 0; fleet < 20; fleet++) {
      // The points of one fleet lie by chance; those of many even out.
      const of = weights.map((weight, i) => ({ id: `fleet-${fleet}-${i}`, weight }));
      owners.push(...placement(of));
    }
    weights.forEach((weight, i) => {
      const share = owners.filter((owner) => owner.endsWith(`-${i}`)).length / owners.length;
      expect(share / (weight / 9)).toBeGreaterThan(0.9);
      expect(share / (weight / 9)).toBeLessThan(1.1);
    });
  });

  it("that grow only draw keys towards their member", () => {
    const others = members(["b", "c", "d"]);
    let before = placement([{ id: "a", weight: 0.5 }, ...others]);
    for (const weight of [1, 2, 4]) {
      const after = placement([{ id: "a", weight }, ...others]);
      expect(after).not.toEqual(before);
      after.forEach((owner, i) => {
        if (owner !== before[i]) expect(owner).toBe("a");
      });
      before = after;
    }
  });

  it("near nothing still leave a member in the walk", () => {
    const ring = new Ring([
      { id: "a", weight: 1e-9 },
      { id: "b", weight: 100 },
    ]);
    expect([...ring.walk("key")].toSorted()).toEqual(["a", "b"]);
  });
});

function backend(id: string, changes: Partial<Backend> = {}): Backend {
  const address = { kind: "tcp", host: "127.0.0.1", port: 1, tls: false } as const;
  return {
    id,
    url: `http://${id}`,
    address,
    weight: 1,
    state: "up",
    serves: true,
    connections: 0,
    load: 0,
    ...changes,
  };
}

function poolOf(ids: readonly string[], generation = 0): BackendSet {
  return { generation, backends: ids.map((id) => backend(id)) };
}

function idsOf(backends: Iterable<Backend>): string[] {
  return [...backends].map(({ id }) => id);
}

describe("the ring policy", () => {
  it("offers backends in the ring's order", () => {
    const policy = new RingPolicy();
    const ring = new Ring(members(["a", "b", "c"]));
    for (const key of KEYS.slice(0, 100)) {
      expect(idsOf(policy.candidates(key, poolOf(["a", "b", "c"])))).toEqual([...ring.walk(key)]);
    }
  });

  it("never looks at health or load: the same order, whatever the state", () => {
    const healthy = idsOf(new RingPolicy().candidates("key", poolOf(["a", "b", "c"])));
    const sick = ["a", "b", "c"].map((id) => backend(id, { state: "down", connections: 9 }));
    const set = { generation: 0, backends: sick };
    expect(idsOf(new RingPolicy().candidates("key", set))).toEqual(healthy);
  });

  it("follows the pool when its generation grows", () => {
    const policy = new RingPolicy();
    expect(idsOf(policy.candidates("key", poolOf([])))).toEqual([]);
    expect(idsOf(policy.candidates("key", poolOf(["a"], 1)))).toEqual(["a"]);
    expect(idsOf(policy.candidates("key", poolOf(["b", "c"], 2))).toSorted()).toEqual(["b", "c"]);
  });

  it("offers the backends themselves, with the weights that they have", () => {
    const heavy = backend("a", { weight: 50 });
    const set = { generation: 0, backends: [heavy, backend("b")] };
    const policy = new RingPolicy();
    const firsts = KEYS.map((key) => [...policy.candidates(key, set)][0]);
    expect(firsts.filter((first) => first === heavy).length).toBeGreaterThan(0.9 * KEYS.length);
  });

  it("starts one further for each request without a key, and offers each once", () => {
    const policy = new RingPolicy();
    const set = poolOf(["a", "b", "c"]);
    const orders = [1, 2, 3, 4].map(() => idsOf(policy.candidates(undefined, set)).join(""));
    expect(orders).toEqual(["abc", "bca", "cab", "abc"]);
    expect(idsOf(policy.candidates(undefined, poolOf([], 1)))).toEqual([]);
  });

  it("takes an empty key for a key", () => {
    const policy = new RingPolicy();
    const set = poolOf(["a", "b", "c"]);
    expect(idsOf(policy.candidates("", set))).toEqual(idsOf(policy.candidates("", set)));
  });
});
