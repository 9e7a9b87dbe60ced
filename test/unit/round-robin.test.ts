import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Backend, BackendSet } from "../../src/core/backend.ts";
import { RoundRobinPolicy } from "../../src/policy/round-robin.ts";

function poolOf(weights: Readonly<Record<string, number>>, generation = 0): BackendSet {
  const address = { kind: "unix", path: "/a" } as const;
  const same = {
    url: "http://a",
    address,
    state: "up",
    serves: true,
    connections: 0,
    load: 0,
  } as const;
  const backends = Object.entries(weights).map(([id, weight]): Backend => ({
    id,
    weight,
    ...same,
  }));
  return { backends, generation };
}

function orders(policy: RoundRobinPolicy, pool: BackendSet, turns: number): string[] {
  return Array.from({ length: turns }, () =>
    Array.from(policy.candidates(undefined, pool), ({ id }) => id).join(""),
  );
}

function firsts(policy: RoundRobinPolicy, pool: BackendSet, turns: number): string {
  return orders(policy, pool, turns)
    .map((order) => order.slice(0, 1))
    .join("");
}

function countOf(id: string, sequence: string): number {
  return sequence.split(id).length - 1;
}

const anyWeights = fc
  .array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 })
  .map((weights) => new Map(weights.map((weight, i) => ["abcdefghij".charAt(i), weight])))
  .map((weights): Record<string, number> => Object.fromEntries(weights));

describe("smooth round robin", () => {
  it("spreads the turns of a heavy member as nginx does", () => {
    const pool = poolOf({ a: 5, b: 1, c: 1 });
    expect(firsts(new RoundRobinPolicy(), pool, 14)).toBe("aabacaaaabacaa");
  });

  it("gives exact shares by weight over each round", () => {
    fc.assert(
      fc.property(anyWeights, (weights) => {
        const policy = new RoundRobinPolicy();
        const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
        for (let round = 0; round < 3; round++) {
          const taken = firsts(policy, poolOf(weights), total);
          for (const [id, weight] of Object.entries(weights)) {
            expect(countOf(id, taken)).toBe(weight);
          }
        }
      }),
    );
  });

  it("goes on with those that are owed most", () => {
    // What is owed after each turn, for a, b, c: -2 1 1, -4 2 2, 1 -4 3, -1 -3 4, 4 -2 -2.
    const pool = poolOf({ a: 5, b: 1, c: 1 });
    expect(orders(new RoundRobinPolicy(), pool, 5)).toEqual(["abc", "abc", "bca", "acb", "cab"]);
  });

  it("counts a turn by the first candidate alone", () => {
    const pool = poolOf({ a: 5, b: 1, c: 1 });
    const [walked, stopped] = [new RoundRobinPolicy(), new RoundRobinPolicy()];
    const expected = firsts(walked, pool, 21);
    let taken = "";
    for (let turn = 0; turn < 21; turn++) {
      for (const { id } of stopped.candidates("key", pool)) {
        taken += id;
        break;
      }
    }
    expect(taken).toBe(expected);
  });

  it("counts no turn for candidates that nobody asks for", () => {
    const pool = poolOf({ a: 1, b: 1, c: 1 });
    const policy = new RoundRobinPolicy();
    policy.candidates("key", pool);
    expect(firsts(policy, pool, 3)).toBe("abc");
  });
});

describe("round robin over a changed membership", () => {
  it("keeps what those that stay are owed, by their ids", () => {
    const policy = new RoundRobinPolicy();
    expect(firsts(policy, poolOf({ a: 1, b: 1, c: 1 }), 1)).toBe("a");
    expect(firsts(policy, poolOf({ a: 1, c: 1, b: 1 }, 1), 3)).toBe("cba");
  });

  it("starts newcomers with nothing owed", () => {
    const policy = new RoundRobinPolicy();
    expect(firsts(policy, poolOf({ a: 1, b: 1, c: 1 }), 1)).toBe("a");
    expect(firsts(policy, poolOf({ d: 1, a: 1, b: 1, c: 1 }, 1), 4)).toBe("bcda");
  });

  it("gives the exact shares again when the weights change", () => {
    const policy = new RoundRobinPolicy();
    firsts(policy, poolOf({ a: 1, b: 1 }), 4);
    expect(countOf("a", firsts(policy, poolOf({ a: 3, b: 1 }, 1), 8))).toBe(6);
  });

  it("does not make a member that was heavy wait for more than a round or two", () => {
    const policy = new RoundRobinPolicy();
    firsts(policy, poolOf({ a: 100, b: 1, c: 1 }), 50);
    expect(firsts(policy, poolOf({ a: 1, b: 1, c: 1 }, 1), 9)).toContain("a");
  });
});
