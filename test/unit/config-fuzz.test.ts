import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/core/errors.ts";

const anything = z.record(z.string(), z.unknown());
const strict = z.strictObject({
  a: z.union([
    z.literal("ip"),
    z.strictObject({ b: z.string().min(3) }),
    z.strictObject({ c: z.array(z.enum(["x", "y"])) }),
  ]),
  d: z.record(z.string().regex(/^[a-z]$/), z.number().int().positive()).optional(),
});

const text = fc.string({ unit: "binary", maxLength: 30 });
const nasty = fc.constantFrom("${", "$${X}", "${X}", "a: b", "# c", "yes", "0x1", "\r", "\uE000");
const key = fc.oneof(text, nasty).filter((name) => name !== "__proto__");

/** JSON knows no negative zero. */
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n));

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), number, fc.integer(), text, nasty),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const mapping = fc.dictionary(key, value, { maxKeys: 5, noNullPrototype: true });

/** Values are what a writer means; in a file, a literal `${` has to be written `$${`. */
function escaped(plain: unknown): unknown {
  if (typeof plain === "string") return plain.replaceAll("${", () => "$${");
  if (Array.isArray(plain)) return plain.map(escaped);
  if (typeof plain !== "object" || plain === null) return plain;
  return Object.fromEntries(Object.entries(plain).map(([name, inner]) => [name, escaped(inner)]));
}

function parse(written: string): unknown {
  return parseConfig(written, { file: "f", schema: anything, env: {} });
}

describe("any value", () => {
  it("is read from JSON as it was, whatever the indentation", () => {
    fc.assert(
      fc.property(mapping, fc.constantFrom("", "  ", "\t"), (original, indent) => {
        expect(parse(JSON.stringify(escaped(original), undefined, indent))).toEqual(original);
      }),
      { numRuns: 500 },
    );
  });

  it("is read from YAML as it was, in every style", () => {
    const style = fc.record({
      collectionStyle: fc.constantFrom("any", "block", "flow"),
      singleQuote: fc.boolean(),
      indent: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(mapping, style, (original, options) => {
        expect(parse(stringify(escaped(original), options))).toEqual(original);
      }),
      { numRuns: 500 },
    );
  });
});

describe("any garbage", () => {
  const token = fc.constantFrom(
    ...Array.from("{}[]:,?|>'\"#!@%`~^ \n\n\r\tabcdx1"),
    ...["a: ", "- ", "  ", "? ", "&a ", "*a", "!!str ", "!x ", "---\n", "...\n", "%YAML 1.1\n"],
    ...["${A}", "${", "$${", "${X}", "}", "\\", '"\\u', "__proto__: ", "constructor: ", "<<: "],
    ...[
      "\nb:\n",
      "\n  b: ",
      "\na: ip",
      "\na: {b: ",
      "\nd: ",
      "\uFEFF",
      "\0",
      "\uE000",
      "é",
      "\n- ",
    ],
  );
  const garbage = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.array(token, { maxLength: 60 }).map((tokens) => tokens.join("")),
    fc.array(token, { maxLength: 20 }).map((tokens) => `a: {b: ${tokens.join("")}}`),
  );

  it("is refused with nothing but problems that have a place, in file order", () => {
    const env = { A: "value of A" };
    fc.assert(
      fc.property(garbage, fc.constantFrom(anything, strict), (written, schema) => {
        try {
          parseConfig<unknown>(written, { file: "f", schema, env });
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          const places = error.problems.map(({ line = 0, column = 0 }) => line * 1e6 + column);
          expect(places.length).toBeGreaterThan(0);
          expect(Math.min(...places)).toBeGreaterThan(1e6);
          expect(places).toEqual([...places].sort((a, b) => a - b));
          expect(new Set(error.message.split("\n")).size).toBe(error.message.split("\n").length);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it("never changes a prototype", () => {
    fc.assert(
      fc.property(value, (inner) => {
        const json = JSON.stringify(escaped(inner));
        for (const name of ["__proto__", "constructor"]) {
          const written = `{"a": {"${name}": ${json}}, "${name}": {"polluted": ${json}}}`;
          try {
            const result = parse(written);
            expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
          }
        }
        expect("polluted" in {}).toBe(false);
      }),
    );
  });
});
