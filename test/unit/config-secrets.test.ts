import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { problemsOf } from "../support/config-problems.ts";
import { problemsAtTop, problemsInPool, sampleSchema } from "../support/sample-config.ts";

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
    expect(problemsInPool(lines, env)).toEqual([
      typeof problem === "string" ? problem : expect.stringMatching(problem),
    ]);
  });

  it("is taken out of messages that the schema wrote, wherever they quote it", () => {
    const text = "routes: [{ pool: ${POOL} }, { pool: x${KEY} }]\npools: {}";
    expect(problemsOf(text, sampleSchema, env)).toEqual([
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
    expect(problemsAtTop("secret: 1234567890")).toEqual([
      "3:9 secret must be a string; write it in quotes",
    ]);
  });
});
