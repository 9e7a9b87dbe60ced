import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Backend, BackendSet } from "../../src/core/backend.ts";
import type { Random } from "../../src/core/random.ts";
import { RandomTwoPolicy } from "../../src/policy/random-two.ts";

interface Fake extends Backend {
  load: number;
}

function backend(id: string, load = 0, weight = 1): Fake {
  const address = { kind: "unix", path: "/a" } as const;
  return { id, url: "http://a", address, weight, state: "up", serves: true, connections: 0, load };
}

function drawing(fraction: () => number): Random {
  const unused = (): never => {
    throw new Error("a policy needs fractions only");
  };
  return { bytes: unused, uuid: unused, fraction };
}

/** Even chances that are the same in each run (Park and Miller 1988). */
function even(): Random {
  let state = 42;
  return drawing(() => (state = (state * 48271) % 0x7fffffff) / 0x7fffffff);
}

/** These fractions, then zeros. */
function scripted(...fractions: number[]): Random {
  return drawing(() => fractions.shift() ?? 0);
}

function order(random: Random, backends: readonly Fake[]): Fake[] {
  const pool: BackendSet = { backends, generation: 0 };
  return [...new RandomTwoPolicy(random).candidates("key", pool)] as Fake[];
}

const costOf = ({ load, weight }: Backend): number => (load + 1) / weight;
const anyFraction = fc.oneof(
  fc.constantFrom(0, 0.5, 1 - 2 ** -53),
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
);
const anyWeight = fc.constantFrom(1e-9, 0.1, 0.3, 1, 7, 100);
const anyBackends = fc
  .array(fc.tuple(fc.nat(20), anyWeight), { minLength: 2, maxLength: 12 })
  .map((all) => all.map(([load, weight], i) => backend(`${i}`, load, weight)));

describe("two random choices", () => {
  it("put the better of the two first and the other second, whatever is drawn", () => {
    fc.assert(
      fc.property(anyBackends, fc.array(anyFraction), (backends, fractions) => {
        const offered = order(scripted(...fractions), backends);
        const [one, other] = offered.map(costOf);
        expect(one).toBeLessThanOrEqual(other ?? NaN);
        expect(new Set(offered)).toEqual(new Set(backends));
        expect(offered).toHaveLength(backends.length);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    // Weights 1, 2, 1: the stretches end at 0.25, 0.75 and 1; without b at 0.5 and 1.
    [0, 0, "ab"],
    [0.2, 0.7, "ac"],
    [0.25, 0.49, "ba"],
    [0.74, 0.5, "bc"],
    [0.75, 0, "ca"],
    [0.99, 0.99, "cb"],
  ])("of the draws %d and %d are made by weight", (one, other, ids) => {
    const backends = [backend("a", 1, 1), backend("b", 3, 2), backend("c", 1, 1)];
    const offered = order(scripted(one, other), backends);
    expect(offered.map(({ id }) => id).join("")).toMatch(new RegExp(`^${ids}`));
  });

  it("are shared by weight, the second among those that the first leaves", () => {
    // Loads that make all equal, so that the first drawn is the first offered.
    const weights = [1, 2, 3, 4];
    const backends = weights.map((weight, i) => backend(`${i}`, weight - 1, weight));
    const policy = new RandomTwoPolicy(even());
    const seen = new Map<string, number>();
    for (let i = 0; i < 100_000; i++) {
      const [one, other] = policy.candidates("key", { backends, generation: 0 });
      const pair = `${one?.id ?? ""}${other?.id ?? ""}`;
      seen.set(pair, (seen.get(pair) ?? 0) + 1);
    }
    for (const [i, first] of weights.entries()) {
      for (const [j, second] of weights.entries()) {
        const share = i === j ? 0 : (first / 10) * (second / (10 - first));
        // Four standard deviations of so many draws are less than 0.005.
        expect(Math.abs((seen.get(`${i}${j}`) ?? 0) / 100_000 - share)).toBeLessThan(0.005);
      }
    }
  });

  it("are followed by the others in random order", () => {
    const backends = [..."abcde"].map((id) => backend(id, "ab".includes(id) ? 0 : 9));
    const policy = new RandomTwoPolicy(even());
    const seen = new Map<string, number>();
    for (let i = 0; i < 60_000; i++) {
      const ids = Array.from(policy.candidates("key", { backends, generation: 0 }), ({ id }) => id);
      const rest = ids.slice(2).join("");
      if (!/[ab]/.test(rest)) seen.set(rest, (seen.get(rest) ?? 0) + 1);
    }
    // A tenth of all draws are a and b; their rest has six orders.
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it("follow weights that changed with the generation", () => {
    const policy = new RandomTwoPolicy(scripted(0.4, 0, 0.4, 0));
    const ids = [1, 9].map((weight, generation) => {
      const backends = [backend("a"), backend("b", weight - 1, weight)];
      const [one] = policy.candidates("key", { backends, generation });
      return one?.id;
    });
    expect(ids).toEqual(["a", "b"]);
  });
});

describe("many placements", () => {
  it("stay far nearer to the mean than by one random choice", () => {
    const PLACEMENTS = 10_000;
    const backends = Array.from({ length: 100 }, (_, i) => backend(`${i}`));
    const policy = new RandomTwoPolicy(even());
    const random = even();
    const single = backends.map(() => 0);
    for (let i = 0; i < PLACEMENTS; i++) {
      for (const chosen of policy.candidates("key", { backends, generation: 0 })) {
        (chosen as Fake).load++;
        break;
      }
      const at = Math.floor(random.fraction() * single.length);
      single[at] = (single[at] ?? 0) + 1;
    }
    const mean = PLACEMENTS / backends.length;
    const above = Math.max(...backends.map(({ load }) => load)) - mean;
    // The paper: log log n / log 2 above the mean, which is 2.2 here, and a constant.
    expect(above).toBeLessThanOrEqual(5);
    expect(Math.max(...single) - mean).toBeGreaterThan(4 * above);
  });
});
