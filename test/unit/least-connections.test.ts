import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Backend, BackendSet } from "../../src/core/backend.ts";
import { LeastConnectionsPolicy } from "../../src/policy/least-connections.ts";

interface Fake extends Backend {
  load: number;
}

function backend(id: string, load = 0, weight = 1): Fake {
  const address = { kind: "unix", path: "/a" } as const;
  return { id, url: "http://a", address, weight, state: "up", serves: true, connections: 0, load };
}

function poolOf(...backends: Fake[]): BackendSet {
  return { backends, generation: 0 };
}

function order(policy: LeastConnectionsPolicy, pool: BackendSet): string {
  return Array.from(policy.candidates(undefined, pool), ({ id }) => id).join("");
}

function first(policy: LeastConnectionsPolicy, pool: BackendSet): Fake {
  for (const one of policy.candidates("key", pool)) return one;
  throw new Error("the pool is empty");
}

describe("least connections", () => {
  it("orders by load", () => {
    const pool = poolOf(backend("a", 3), backend("b", 1), backend("c", 2), backend("d", 0));
    expect(order(new LeastConnectionsPolicy(), pool)).toBe("dbca");
  });

  it("weighs what the load would be with one more", () => {
    // (4 + 1) / 2 < (2 + 1) / 1, though 4 / 2 = 2 / 1; idle, the heavy one comes first.
    const busy = poolOf(backend("a", 2, 1), backend("b", 4, 2));
    expect(order(new LeastConnectionsPolicy(), busy)).toBe("ba");
    const idle = poolOf(backend("a", 0, 1), backend("b", 0, 2), backend("c", 0, 0.5));
    expect(order(new LeastConnectionsPolicy(), idle)).toBe("bac");
  });

  it("orders any loads and weights by what they come to", () => {
    const anyLoads = fc.array(fc.tuple(fc.nat(20), fc.constantFrom(0.5, 1, 2, 3)));
    fc.assert(
      fc.property(anyLoads, (loads) => {
        const backends = loads.map(([load, weight], i) => backend(`${i}`, load, weight));
        const costs = Array.from(
          new LeastConnectionsPolicy().candidates(undefined, poolOf(...backends)),
          ({ load, weight }) => (load + 1) / weight,
        );
        expect(costs).toEqual(costs.toSorted((a, b) => a - b));
      }),
    );
  });

  it("sees loads as they are when a candidate is asked for", () => {
    const [a, b, c] = [backend("a", 0), backend("b", 1), backend("c", 2)];
    const taken: string[] = [];
    for (const { id } of new LeastConnectionsPolicy().candidates("key", poolOf(a, b, c))) {
      taken.push(id);
      b.load = 9;
    }
    expect(taken).toEqual(["a", "c", "b"]);
  });
});

describe("backends with equal load", () => {
  it("take turns, also when their loads stay equal", () => {
    const policy = new LeastConnectionsPolicy();
    const pool = poolOf(backend("a"), backend("b"), backend("c"));
    expect([1, 2, 3, 4].map(() => order(policy, pool))).toEqual(["abc", "bca", "cab", "abc"]);
  });

  it("take even turns beside others with more", () => {
    const policy = new LeastConnectionsPolicy();
    const ids = [..."abcdefgh"];
    const pool = poolOf(...ids.map((id) => backend(id, "bcg".includes(id) ? 0 : 5)));
    const taken = Array.from({ length: 9 }, () => first(policy, pool).id).join("");
    expect(taken).toBe("bcgbcgbcg");
  });

  it("fill evenly, by weight", () => {
    const policy = new LeastConnectionsPolicy();
    const weights = [1, 2, 3, 4];
    const backends = weights.map((weight, i) => backend(`${i}`, 0, weight));
    for (let i = 0; i < 1000; i++) first(policy, poolOf(...backends)).load++;
    expect(backends.map(({ load }) => load)).toEqual([100, 200, 300, 400]);
  });
});
