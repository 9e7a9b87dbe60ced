import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OwnEntries } from "../../src/backend/presence/own-entries.ts";
import type { PresenceState } from "../../src/backend/presence/presence-message.ts";
import { Watch } from "../../src/backend/presence/watch.ts";

const ROOM = "room";
const origins = ["a~1", "b~1", "c~1"];

type Step =
  | { readonly kind: "set"; at: number; key: number; member: number; data: number }
  | { readonly kind: "delete"; at: number; key: number }
  | { readonly kind: "tell"; at: number; isLost: boolean }
  | { readonly kind: "answer"; at: number; parts: number; lostPart: number }
  | { readonly kind: "die"; at: number };

const at = fc.nat(origins.length - 1);
const key = fc.nat(4);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      at,
      key,
      member: fc.nat(5),
      data: fc.nat(2),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), at, key }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("tell" as const), at, isLost: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      at,
      parts: fc.integer({ min: 1, max: 3 }),
      lostPart: fc.nat(5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("die" as const), at }) },
);

/** All parts of what a node has, as it would answer. */
function statesOf(origin: string, own: OwnEntries, parts: number): PresenceState[] {
  const { version, entries } = own.stateOf(ROOM);
  const size = Math.ceil(entries.length / parts);
  return Array.from({ length: parts }, (_, part) => ({
    type: "state",
    origin,
    channel: ROOM,
    version,
    part,
    isLast: part === parts - 1,
    entries: entries.slice(part * size, (part + 1) * size),
  }));
}

describe("a list of members, whatever was lost and asked for again", () => {
  it("is what the nodes have, and the events lead from one list to the next", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const nodes = origins.map(() => new OwnEntries());
        const present = new Set<string>();
        const watch = new Watch((_, event, { id }) => {
          // Nobody joins twice or leaves without having been there.
          expect(present.has(id)).toBe(event !== "join");
          if (event === "join") present.add(id);
          if (event === "leave") present.delete(id);
        });
        watch.listeners.add(() => undefined);
        watch.setReady();
        let time = 0;
        const tell = (n: number, isLost: boolean): void => {
          for (const changes of nodes[n]?.takeChanges() ?? []) {
            const message = { type: "changes", origin: origins[n] ?? "", ...changes } as const;
            if (!isLost) watch.change(message);
          }
        };
        for (const one of steps) {
          const own = nodes[one.at];
          const origin = origins[one.at] ?? "";
          if (own === undefined) continue;
          if (one.kind === "set") {
            const { key, member, data } = one;
            const entry = {
              key: String(key),
              member: `m${member}`,
              session: "s",
              data,
              since: time++,
            };
            own.set(ROOM, entry);
          } else if (one.kind === "delete") own.delete(ROOM, String(one.key));
          else if (one.kind === "tell") tell(one.at, one.isLost);
          else if (one.kind === "die") watch.drop(origin);
          else {
            for (const state of statesOf(origin, own, one.parts)) {
              if (state.part !== one.lostPart) watch.state(state);
            }
          }
        }
        const truth = new Set<string>();
        for (const [n, own] of nodes.entries()) {
          tell(n, false);
          for (const state of statesOf(origins[n] ?? "", own, 1)) watch.state(state);
          for (const { member } of own.stateOf(ROOM).entries) truth.add(member);
        }
        const ids = watch.page(undefined, 1_000).map(({ id }) => id);
        expect(ids).toEqual([...truth].sort());
        expect([...present].sort()).toEqual(ids);
        for (const size of [1, 2, 3]) {
          const pages: string[] = [];
          for (;;) {
            const page = watch.page(pages.at(-1), size);
            pages.push(...page.map(({ id }) => id));
            if (page.length < size) break;
          }
          expect(pages).toEqual(ids);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("is told as missed when something before a change is not there", () => {
    const watch = new Watch(() => undefined);
    const entry = { key: "1", member: "ann", session: "s", data: null, since: 1 };
    const change = { type: "changes" as const, origin: "a~1", channel: ROOM, changes: [entry] };
    expect(watch.change({ ...change, from: 3, fromEmpty: false })).toBe("missed");
    expect(watch.change({ ...change, from: 3, fromEmpty: true })).toBe("followed");
    expect(watch.change({ ...change, from: 3, fromEmpty: true })).toBe("followed");
    expect(watch.change({ ...change, from: 5, fromEmpty: false })).toBe("missed");
    expect(watch.page(undefined, 10)).toHaveLength(1);
  });
});
