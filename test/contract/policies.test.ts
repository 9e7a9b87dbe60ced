import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Backend, BackendSet } from "../../src/core/backend.ts";
import type { Random } from "../../src/core/random.ts";
import { policies } from "../../src/policy/index.ts";
import type { Policy } from "../../src/policy/policy.ts";

/** The same chances for the same seed (Park and Miller 1988). */
function seeded(seed: number): Random {
  let state = 1 + seed;
  const fraction = (): number => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff;
  const unused = (): never => {
    throw new Error("a policy needs fractions only");
  };
  return { bytes: unused, uuid: unused, fraction };
}

type Make = (seed?: number) => Policy;
const byName = Object.entries(policies).map(([name, make]): [string, Make] => [
  name,
  (seed = 1) => make({ random: seeded(seed), maxLoad: undefined }),
]);
const bounded = [1, 1.25, 10].map((maxLoad): [string, Make] => [
  `ring, bounded by ${maxLoad}`,
  (seed = 1) => policies.ring({ random: seeded(seed), maxLoad }),
]);

const anyBackend: fc.Arbitrary<Backend> = fc.record({
  id: fc.string({ minLength: 1, maxLength: 5 }),
  url: fc.constant("http://a"),
  address: fc.constant({ kind: "unix", path: "/a" } as const),
  // Small rings keep hundreds of runs quick.
  weight: fc.constantFrom(0.001, 0.1, 0.3, 0.5, 1),
  state: fc.constantFrom("up", "down"),
  serves: fc.constant(true),
  connections: fc.nat(50),
  load: fc.nat(50),
});
const anyBackends = fc.uniqueArray(anyBackend, {
  maxLength: 50,
  size: "max",
  selector: ({ id }) => id,
});
const anyKey = fc.option(fc.string(), { nil: undefined });
const anyKeys = fc.array(anyKey, { minLength: 1, maxLength: 6 });

function sortedIds(backends: Iterable<Backend>): string[] {
  return Array.from(backends, ({ id }) => id).toSorted();
}

function idsFor(policy: Policy, keys: readonly (string | undefined)[], pool: BackendSet): string[] {
  return keys.map((key) => Array.from(policy.candidates(key, pool), ({ id }) => id).join(" "));
}

/** As many as asked for, then no more. */
function someOf(candidates: Iterable<Backend>, count: number): Backend[] {
  const some: Backend[] = [];
  if (count === 0) return some;
  for (const backend of candidates) {
    some.push(backend);
    if (some.length === count) break;
  }
  return some;
}

describe.each([...byName, ...bounded])("the policy %s", (_, make) => {
  it("offers every backend exactly once, with and without a key", () => {
    fc.assert(
      fc.property(anyBackends, anyKeys, fc.nat(), (backends, keys, seed) => {
        const policy = make(seed);
        for (const key of keys) {
          const offered = [...policy.candidates(key, { backends, generation: 0 })];
          expect(sortedIds(offered)).toEqual(sortedIds(backends));
        }
      }),
    );
  });

  it("offers nobody of an empty pool", () => {
    const policy = make();
    for (const key of [undefined, "", "key"]) {
      expect([...policy.candidates(key, { backends: [], generation: 0 })]).toEqual([]);
    }
  });

  it("follows the members as the generation grows", () => {
    const pools = fc.array(anyBackends, { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(pools, anyKeys, (memberships, keys) => {
        const policy = make();
        memberships.forEach((backends, generation) => {
          for (const key of keys) {
            const offered = [...policy.candidates(key, { backends, generation })];
            expect(sortedIds(offered)).toEqual(sortedIds(backends));
            // The new ones themselves, not those that had their ids before.
            for (const backend of offered) expect(backends.includes(backend)).toBe(true);
          }
        });
      }),
      { numRuns: 50 },
    );
  });

  it("gives the same order whatever the state of the backends", () => {
    fc.assert(
      fc.property(anyBackends, anyKeys, fc.nat(), (backends, keys, seed) => {
        const up = backends.map((backend): Backend => ({ ...backend, state: "up" }));
        expect(idsFor(make(seed), keys, { backends, generation: 0 })).toEqual(
          idsFor(make(seed), keys, { backends: up, generation: 0 }),
        );
      }),
    );
  });

  it("can be stopped after any candidate, and by others that are under way", () => {
    const stops = fc.array(fc.tuple(anyKey, fc.nat(5)), { maxLength: 5 });
    fc.assert(
      fc.property(anyBackends, stops, (backends, asked) => {
        const policy = make();
        const pool = { backends, generation: 0 };
        const offered: Backend[] = [];
        for (const backend of policy.candidates("key", pool)) {
          offered.push(backend);
          for (const [key, count] of asked) {
            const some = someOf(policy.candidates(key, pool), count);
            expect(new Set(some).size).toBe(Math.min(count, backends.length));
          }
        }
        expect(sortedIds(offered)).toEqual(sortedIds(backends));
      }),
      { numRuns: 50 },
    );
  });
});
