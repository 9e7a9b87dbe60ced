import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { duration } from "../../src/config/quantities.ts";
import { problemsOf, type Variables } from "../support/config-problems.ts";

const affinity = z.union([
  z.strictObject({
    token: z.union([z.strictObject({ query: z.string() }), z.strictObject({ header: z.string() })]),
  }),
  z.strictObject({
    cookie: z.strictObject({ name: z.string().min(1), insert: z.boolean().default(false) }),
  }),
  z.strictObject({ header: z.string().regex(/^[a-z-]+$/, "must be a header name") }),
  z.literal("ip"),
]);

const sessions = z.union([
  z.strictObject({ store: z.literal("memory").default("memory"), ttl: duration.optional() }),
  z.strictObject({ store: z.literal("redis"), url: z.string(), ttl: duration.optional() }),
]);

const pool = z
  .strictObject({
    policy: z.enum(["ring", "round-robin", "least-connections", "random-two"]).default("ring"),
    maxLoad: z.number().min(1).optional(),
    affinity: z.array(affinity).default([]),
    backends: z.array(
      z.strictObject({ id: z.string(), weight: z.number().int().positive().default(1) }),
    ),
    timeouts: z
      .strictObject({ idle: z.union([duration, z.literal("never")]).optional() })
      .prefault({}),
  })
  .transform((options) => ({ ...options, made: true }))
  .readonly();

const schema = z
  .strictObject({
    pools: z.record(z.string().regex(/^[a-z]+$/, "is no name for a pool"), pool),
    routes: z
      .array(z.strictObject({ pool: z.string(), path: z.string().startsWith("/").optional() }))
      .min(1),
    sessions: sessions.optional(),
    secret: z.string().min(16, "must have at least 16 characters").optional(),
    workers: z.union([z.literal("auto"), z.number().int().positive()]).optional(),
  })
  .superRefine(({ pools, routes }, context) => {
    routes.forEach((route, index) => {
      if (Object.hasOwn(pools, route.pool)) return;
      const message = `names no pool: "${route.pool}"`;
      context.addIssue({ code: "custom", path: ["routes", index, "pool"], message });
    });
  });

/** In a file that is right but for these lines, the problems and their places. */
function inPool(lines: string, env: Variables = {}): string[] {
  return problemsOf(
    `routes: [{ pool: chat }]\npools:\n  chat:\n    backends: [{ id: a }]\n${lines}`,
    schema,
    env,
  );
}

function atTop(lines: string, env: Variables = {}): string[] {
  return problemsOf(
    `routes: [{ pool: chat }]\npools: { chat: { backends: [] } }\n${lines}`,
    schema,
    env,
  );
}

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
    expect(inPool(lines)).toEqual([
      typeof problem === "string" ? problem : expect.stringMatching(problem),
    ]);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("may be %s", (key) => {
    const message = new RegExp(`^5:5 unknown key "${key}" in pools\\.chat`);
    expect(inPool(`    ${key}: { polluted: true }`)).toEqual([expect.stringMatching(message)]);
    expect("polluted" in {}).toBe(false);
  });

  it("cannot be __proto__ where keys are free", () => {
    expect(inPool("  __proto__: {}")).toEqual(['5:3 unknown key "__proto__" in pools']);
  });

  it("is each a problem of its own, in file order", () => {
    expect(inPool("    b: 1\n    a: 2\n    maxLoad: x\n").map((line) => line.slice(0, 20))).toEqual(
      ['5:5 unknown key "b" ', '6:5 unknown key "a" ', "7:14 pools.chat.maxL"],
    );
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
    expect(problemsOf(text, schema)).toEqual(
      problems.map((one) => (typeof one === "string" ? one : expect.stringMatching(one))),
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
    expect(inPool(lines)).toEqual([problem]);
  });

  it("is explained by the schema's own check across keys, once all else is right", () => {
    const text = "routes: [{ pool: chat }, { pool: caht }]\npools: { chat: { backends: [] } }";
    expect(problemsOf(text, schema)).toEqual(['1:34 routes[1].pool names no pool: "caht"']);
  });

  it("is found where an alias has it, once", () => {
    const text = "  a: { backends: &b [{ id: 5 }] }\n  d: { backends: *b }";
    expect(inPool(text)).toEqual([
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
    expect(inPool(`    maxLoad: "\\e[31m\\n${"x".repeat(500)}"`)).toEqual([
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

describe("a value that fits none of several alternatives", () => {
  it.each([
    [
      "ipp",
      '5:16 pools.chat.affinity[0] must be "ip" or a mapping with token, cookie or header, not "ipp"; did you mean "ip"?',
    ],
    [
      "5",
      '5:16 pools.chat.affinity[0] must be "ip" or a mapping with token, cookie or header, not 5',
    ],
    [
      "[]",
      '5:16 pools.chat.affinity[0] must be "ip" or a mapping with token, cookie or header, not a list',
    ],
    ["{}", '5:16 pools.chat.affinity[0] needs the key "token", "cookie" or "header"'],
    [
      "{ cooky: { name: x } }",
      '5:18 unknown key "cooky" in pools.chat.affinity[0]; did you mean "cookie"?',
    ],
    [
      "{ zebra: 1 }",
      '5:18 unknown key "zebra" in pools.chat.affinity[0]; keys allowed here: token, cookie, header',
    ],
    ["{ cookie: {} }", '5:18 missing key "name" in pools.chat.affinity[0].cookie'],
    ["{ cookie: sid }", '5:26 pools.chat.affinity[0].cookie must be a mapping, not "sid"'],
    [
      "{ cookie: { name: x, insert: 1 } }",
      "5:45 pools.chat.affinity[0].cookie.insert must be true or false, not 1",
    ],
    [
      "{ cookie: { name: x }, heder: y }",
      '5:39 unknown key "heder" in pools.chat.affinity[0]; keys allowed here: cookie',
    ],
    ["{ header: A B }", "5:26 pools.chat.affinity[0].header must be a header name"],
    [
      "{ token: { qurey: x } }",
      '5:27 unknown key "qurey" in pools.chat.affinity[0].token; did you mean "query"?',
    ],
    ["{ token: {} }", '5:25 pools.chat.affinity[0].token needs the key "query" or "header"'],
    [
      "{ token: { query: 5 } }",
      "5:34 pools.chat.affinity[0].token.query must be a string; write it in quotes",
    ],
  ])("%j is explained by the nearest one", (entry, problem) => {
    expect(inPool(`    affinity: [${entry}]`)).toEqual([problem]);
  });

  it.each([
    ["{ store: redis }", ['3:1 missing key "url" in sessions']],
    [
      "{ store: redis, urll: x }",
      [
        '3:1 missing key "url" in sessions',
        '3:27 unknown key "urll" in sessions; did you mean "url"?',
      ],
    ],
    [
      "{ store: reddis, url: x }",
      ['3:20 sessions.store must be "memory" or "redis", not "reddis"; did you mean "redis"?'],
    ],
    [
      "{ store: memory, url: x }",
      ['3:28 unknown key "url" in sessions; keys allowed here: store, ttl'],
    ],
    ["{ ttl: 5 }", ['3:18 sessions.ttl has no unit; write a unit: "2s" or "500ms"']],
  ])("%j is explained by the kind that it names", (text, problems) => {
    expect(atTop(`sessions: ${text}`)).toEqual(problems);
  });

  it("is explained through a discriminator", () => {
    const kinds = z.strictObject({
      health: z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("http"), path: z.string() }),
        z.strictObject({ kind: z.literal("tcp") }),
      ]),
    });
    expect(problemsOf("health: { kind: htp }", kinds)).toEqual([
      '1:17 health.kind must be "http" or "tcp", not "htp"; did you mean "http"?',
    ]);
    expect(problemsOf("health: { kind: http, paht: / }", kinds)).toEqual([
      '1:1 missing key "path" in health',
      '1:23 unknown key "paht" in health; did you mean "path"?',
    ]);
    expect(problemsOf("health: http", kinds)).toEqual(['1:9 health must be a mapping, not "http"']);
  });
});

describe("what came from the environment", () => {
  const env = { POOL: "hunter2hunter2", N: "7", KEY: "Abc" };

  it.each([
    [
      "    maxLoad: ${POOL}",
      '5:14 pools.chat.maxLoad must be a number, not "${POOL}": what comes from the environment is text',
    ],
    [
      "    policy: x${POOL}y",
      /^5:13 pools\.chat\.policy must be "ring".* or "random-two", not "x\$\{POOL\}y"$/,
    ],
    [
      "    affinity: [${POOL}]",
      /^5:16 pools\.chat\.affinity\[0\] must be "ip" or a mapping.*, not "\$\{POOL\}"$/,
    ],
    ["secret: ${KEY}", "5:9 secret must have at least 16 characters"],
    [
      "    timeouts: { idle: ${POOL} }",
      /must be a duration such as .*, not "\$\{POOL\}"; or write "never"$/,
    ],
  ])("is shown by its name: %j", (lines, problem) => {
    expect(inPool(lines, env)).toEqual([
      typeof problem === "string" ? problem : expect.stringMatching(problem),
    ]);
  });

  it("is taken out of messages that the schema wrote, wherever they quote it", () => {
    const text = "routes: [{ pool: ${POOL} }, { pool: x${KEY} }]\npools: {}";
    expect(problemsOf(text, schema, env)).toEqual([
      '1:18 routes[0].pool names no pool: "${POOL}"',
      '1:37 routes[1].pool names no pool: "x${KEY}"',
    ]);
  });

  it("never gets into an error, whatever the message makes of it", () => {
    const leaky = z.strictObject({
      lower: z
        .string()
        .toLowerCase()
        .refine(() => false, { error: ({ input }) => `was ${String(input)}!` }),
      json: z.string().refine(() => false, { error: ({ input }) => JSON.stringify({ input }) }),
      trimmed: z
        .string()
        .trim()
        .refine(() => false, { error: ({ input }) => `<${String(input)}>` }),
      part: z.string().refine(() => false, {
        error: ({ input }) => `must be x, not ${String(input).slice(0, 6)}`,
      }),
      number: z.number(),
      choice: z.enum(["x"]),
      either: z.union([z.number(), z.strictObject({ a: z.number() })]),
      long: z.string().max(3),
    });
    const text = `${Object.keys(leaky.shape)
      .map((key) => `${key}: "\${SECRET}"`)
      .join("\n")}\nother: 1`;
    const secret = fc.oneof(
      fc.string({ minLength: 6, unit: fc.constantFrom(...'§ÄäqQzZ"\\$&\n{}[]().*+?^|/-') }),
      fc.string({ minLength: 6, unit: "binary" }).map((end) => `§${end}§`),
    );
    fc.assert(
      fc.property(
        secret.filter((value) => value.trim().length >= 6),
        (SECRET) => {
          const found = problemsOf(text, leaky, { SECRET });
          expect(found).toHaveLength(9);
          const clean = problemsOf(text, leaky, { SECRET: "§¤§¤§¤§¤" });
          expect(found).toEqual(clean);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("never gets out of a value that is right either, where another is wrong", () => {
    const pair = z.strictObject({ a: z.string(), b: z.string() }).superRefine(({ a }, context) => {
      context.addIssue({ code: "custom", path: ["b"], message: `must differ from ${a}` });
    });
    expect(problemsOf("a: ${POOL}\nb: x", pair, env)).toEqual(["2:4 b must differ from ${POOL}"]);
  });
});

describe("a secret in the file itself", () => {
  it("is not shown when it is of the wrong type", () => {
    expect(atTop("secret: 1234567890")).toEqual([
      "3:9 secret must be a string; write it in quotes",
    ]);
  });
});
