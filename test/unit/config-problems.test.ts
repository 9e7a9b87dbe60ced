import { describe, expect, it } from "vitest";
import { z } from "zod";
import { duration } from "../../src/config/quantities.ts";
import { problemsOf } from "../support/config-problems.ts";
import { problemsInPool, sampleSchema } from "../support/sample-config.ts";

describe("an unknown key", () => {
  it.each([
    ["    polcy: ring", '5:5 unknown key "polcy" in pools.chat; did you mean "policy"?'],
    ["    max-load: 2", '5:5 unknown key "max-load" in pools.chat; did you mean "maxLoad"?'],
    ["    MaxLaod: 2", '5:5 unknown key "MaxLaod" in pools.chat; did you mean "maxLoad"?'],
    [
      "    zebra: 2",
      '5:5 unknown key "zebra" in pools.chat; keys allowed here: policy, maxLoad, affinity, backends, timeouts',
    ],
    [
      "    timeouts: { idel: 5s }",
      '5:17 unknown key "idel" in pools.chat.timeouts; did you mean "idle"?',
    ],
    ["secrets: x", '5:1 unknown key "secrets"; did you mean "secret"?'],
    ['    "a\\nb": 1', /^5:5 unknown key "a\\nb" in pools\.chat; keys allowed here: /],
  ])("%j is named, with the key that was meant", (lines, problem) => {
    expect(problemsInPool(lines)).toEqual([
      typeof problem === "string" ? problem : expect.stringMatching(problem),
    ]);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("may be %s", (key) => {
    const message = new RegExp(`^5:5 unknown key "${key}" in pools\\.chat`);
    expect(problemsInPool(`    ${key}: { polluted: true }`)).toEqual([
      expect.stringMatching(message),
    ]);
    expect("polluted" in {}).toBe(false);
  });

  it("cannot be __proto__ where keys are free", () => {
    expect(problemsInPool("  __proto__: {}")).toEqual(['5:3 unknown key "__proto__" in pools']);
  });

  it("is each a problem of its own, in file order", () => {
    expect(
      problemsInPool("    b: 1\n    a: 2\n    maxLoad: x\n").map((line) => line.slice(0, 20)),
    ).toEqual(['5:5 unknown key "b" ', '6:5 unknown key "a" ', "7:14 pools.chat.maxL"]);
  });
});

describe("a missing key", () => {
  it.each([
    ["{}", ['1:1 missing key "pools"', '1:1 missing key "routes"']],
    ["routes:\n  - path: /\npools: {}", ['2:5 missing key "pool" in routes[0]']],
    [
      "routes: [{ pool: a }, {}]\npools: { a: { backends: [] } }",
      ['1:23 missing key "pool" in routes[1]'],
    ],
    [
      "routes: [{ pool: a }]\npools:\n  a:\n    policy: ring",
      ['3:3 missing key "backends" in pools.a'],
    ],
    ["x: 1\nroutes: [{ pool: a }]", ['1:1 missing key "pools"', /^1:1 unknown key "x"/]],
  ])("is reported where it should be: %j", (text, problems) => {
    expect(problemsOf(text, sampleSchema)).toEqual(
      problems.map((one): unknown => (typeof one === "string" ? one : expect.stringMatching(one))),
    );
  });

  it("is called missing by every kind of schema, also with a message of its own", () => {
    const demanding = z.strictObject({
      a: z.string("must be a name"),
      b: z.enum(["x"]),
      c: z.union([z.string(), z.number()]),
      d: duration,
      e: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("x") })]),
    });
    expect(problemsOf("{}", demanding)).toEqual(
      ["a", "b", "c", "d", "e"].map((key) => `1:1 missing key "${key}"`),
    );
    expect(problemsOf("{a: x, b: x, c: 1, d: 1s, e: {}}", demanding)).toEqual([
      '1:27 missing key "kind" in e',
    ]);
  });
});

describe("a wrong value", () => {
  it.each([
    ["    maxLoad: abc", '5:14 pools.chat.maxLoad must be a number, not "abc"'],
    ["    maxLoad: [1]", "5:14 pools.chat.maxLoad must be a number, not a list"],
    ["    maxLoad: .inf", "5:14 pools.chat.maxLoad must be a number, not Infinity"],
    ["    maxLoad: 0.5", "5:14 pools.chat.maxLoad must be at least 1, not 0.5"],
    ["    maxLoad:", "5:5 pools.chat.maxLoad must be a number, but nothing is written there"],
    ["    timeouts: soon", '5:15 pools.chat.timeouts must be a mapping, not "soon"'],
    ["    affinity: ip", '5:15 pools.chat.affinity must be a list, not "ip"'],
    ["    affinity:\n      a: 1", "5:5 pools.chat.affinity must be a list, not a mapping"],
    [
      "    policy: rign",
      '5:13 pools.chat.policy must be "ring", "round-robin", "least-connections" or "random-two", not "rign"; did you mean "ring"?',
    ],
    [
      "    policy: RoundRobin",
      '5:13 pools.chat.policy must be "ring", "round-robin", "least-connections" or "random-two", not "RoundRobin"; did you mean "round-robin"?',
    ],
    [
      "    policy: 5",
      '5:13 pools.chat.policy must be "ring", "round-robin", "least-connections" or "random-two", not 5',
    ],
    ["  B: { backends: [] }", '5:3 key "B" in pools is no name for a pool'],
    [
      "  c: { backends: [{ id: 5 }] }",
      "5:25 pools.c.backends[0].id must be a string, not 5; write it in quotes",
    ],
    [
      "  c: { backends: [{ id: x, weight: 1.5 }] }",
      "5:36 pools.c.backends[0].weight must be a whole number, not 1.5",
    ],
    [
      "  c: { backends: [{ id: x, weight: 0 }] }",
      "5:36 pools.c.backends[0].weight must be more than 0, not 0",
    ],
    ["  c: { backends: [x] }", '5:19 pools.c.backends[0] must be a mapping, not "x"'],
    [
      "    timeouts: { idle: 5 }",
      '5:23 pools.chat.timeouts.idle has no unit; write a unit: "2s" or "500ms"; or write "never"',
    ],
    ["workers: many", '5:10 workers must be "auto" or a number, not "many"'],
    ["workers: 0", "5:10 workers must be more than 0, not 0"],
    [`secret: short`, "5:9 secret must have at least 16 characters"],
  ])("%j is explained", (lines, problem) => {
    expect(problemsInPool(lines)).toEqual([problem]);
  });

  it("is explained by the schema's own check across keys, once all else is right", () => {
    const text = "routes: [{ pool: chat }, { pool: caht }]\npools: { chat: { backends: [] } }";
    expect(problemsOf(text, sampleSchema)).toEqual(['1:34 routes[1].pool names no pool: "caht"']);
  });

  it("is found where an alias has it, once", () => {
    const text = "  a: { backends: &b [{ id: 5 }] }\n  d: { backends: *b }";
    expect(problemsInPool(text)).toEqual([
      "5:28 pools.a.backends[0].id must be a string, not 5; write it in quotes",
      "5:28 pools.d.backends[0].id must be a string, not 5; write it in quotes",
    ]);
    const twice = z.strictObject({ a: z.number(), b: z.number() });
    expect(problemsOf("a: &x y\nb: *x", twice)).toEqual([
      '1:7 a must be a number, not "y"',
      '2:4 b must be a number, not "y"',
    ]);
  });

  it("at a path that is not in the file is put to the nearest place above", () => {
    const checked = z.unknown().superRefine((_value, context) => {
      context.addIssue({ code: "custom", path: ["a", "b", 3, "c"], message: "is odd" });
      context.addIssue({ code: "custom", path: [], message: "is not enough" });
      context.addIssue({ code: "custom", path: ["d e", 0] });
    });
    expect(problemsOf("x: 1\na:\n  b: [1]\n", checked)).toEqual([
      "1:1 the configuration is not enough",
      '1:1 ["d e"][0] is not valid',
      "3:3 a.b[3].c is odd",
    ]);
  });

  it("is told its limits", () => {
    const limits = z.strictObject({
      a: z.string().min(1),
      b: z.string().max(3),
      c: z.array(z.number()).min(2),
      d: z.array(z.number()).max(1),
      e: z.number().lt(5),
      f: z.number().multipleOf(5),
      g: z.string().startsWith("/"),
      h: z.string().regex(/^x$/),
      i: z.string().length(2),
      j: z.never().optional(),
      k: z.url(),
    });
    const text = 'a: ""\nb: long\nc: []\nd: [1, 2]\ne: 5\nf: 3\ng: x\nh: y\ni: abc\nj: 1\nk: x';
    expect(problemsOf(text, limits)).toEqual([
      "1:4 a must not be empty",
      '2:4 b must have at most 3 characters, not "long"',
      "3:4 c must have at least 2 entries",
      "4:4 d must have at most 1 entry",
      "5:4 e must be less than 5, not 5",
      "6:4 f must be a multiple of 5, not 3",
      '7:4 g must begin with "/", not "x"',
      '8:4 h must match /^x$/, not "y"',
      '9:4 i must have exactly 2 characters, not "abc"',
      "10:4 j is not allowed here",
      '11:4 k must be a valid url, not "x"',
    ]);
  });

  it("is shown in one line, and not beyond its beginning", () => {
    expect(problemsInPool(`    maxLoad: "\\e[31m\\n${"x".repeat(500)}"`)).toEqual([
      expect.stringMatching(
        /^5:14 pools\.chat\.maxLoad must be a number, not "\\u001b\[31m\\nx+…"$/,
      ),
    ]);
    const quoting = z.object({
      a: z.string().refine(() => false, { error: ({ input }) => `is "${String(input)}"` }),
    });
    expect(problemsOf('a: "x\\e[31m\\ny"', quoting)).toEqual(['1:4 a is "x\\u001b[31m\\u000ay"']);
  });
});
