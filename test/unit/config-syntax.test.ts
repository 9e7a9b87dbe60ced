import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseConfig } from "../../src/config/load.ts";
import { problemsOf } from "../support/config-problems.ts";

const anything = z.record(z.string(), z.unknown());

function parse(text: string): unknown {
  return parseConfig(text, { file: "edge.yaml", schema: anything, env: {} });
}

function problems(text: string): string[] {
  return problemsOf(text, anything);
}

describe("a text", () => {
  it("can be YAML", () => {
    expect(parse('a: 1\nb: [x, "y"]\nc: { d: true }\ne:\n  - f\n')).toEqual({
      a: 1,
      b: ["x", "y"],
      c: { d: true },
      e: ["f"],
    });
  });

  it.each(["\t", "  ", ""])("can be JSON, indented with %j", (indent) => {
    const value = { a: { b: [1, { c: "x" }], d: [] }, e: null, "f g": -1.5e3 };
    expect(parse(JSON.stringify(value, undefined, indent))).toEqual(value);
  });

  it("can be JSON with every escape, bare carriage returns and long keys", () => {
    const key = "k".repeat(2_000);
    expect(parse(`{\r\t"a" :"\\/\\u00e9\\ud83d\\ude00\\n",\r\t"${key}":1E2\r}`)).toEqual({
      a: "/é😀\n",
      [key]: 100,
    });
  });

  it("takes numbers and words as YAML 1.2 does, not as 1.1", () => {
    expect(
      parse("a: 0x1F\nb: 0o17\nc: 017\nd: yes\ne: 1:30\nf: ~\ng: True\nh: 2001-01-01"),
    ).toEqual({ a: 31, b: 15, c: 17, d: "yes", e: "1:30", f: null, g: true, h: "2001-01-01" });
    expect(parse("%YAML 1.1\n---\na: yes\n")).toEqual({ a: "yes" });
  });

  it("may begin with a byte order mark and use CRLF", () => {
    expect(parse("\uFEFFa: 1\r\nb: 2\r\n")).toEqual({ a: 1, b: 2 });
  });

  it("has text as keys, whatever they look like", () => {
    expect(parse("1: a\ntrue: b\nnull: c\n")).toEqual({ "1": "a", true: "b", null: "c" });
  });

  it("may use aliases", () => {
    expect(parse("a: &x { b: &y 1 }\nc: *x\nd: [*y]\n")).toEqual({
      a: { b: 1 },
      c: { b: 1 },
      d: [1],
    });
    expect(parse("a: &x 1\nb: &x 2\nc: *x\n&k d: *k\n")).toMatchObject({ c: 2, d: "d" });
  });

  it.each([
    ["", "1:1 the configuration is empty; write a mapping of keys to values"],
    ["# nothing\n", "1:1 the configuration is empty; write a mapping of keys to values"],
    ["null", "1:1 the configuration is empty; write a mapping of keys to values"],
    ["\n- a", "2:1 the configuration must be a mapping of keys to values, not a list"],
    ["[]", "1:1 the configuration must be a mapping of keys to values, not a list"],
    ["hello", "1:1 the configuration must be a mapping of keys to values, not a single value"],
    ["5", "1:1 the configuration must be a mapping of keys to values, not a single value"],
    [
      "a: 1\n---\nb: 2",
      '2:1 begins a second YAML document; a configuration is one: remove the "---"',
    ],
  ])("cannot be %j", (text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });

  it.each([
    ["a:\n\tb: 1", "2:1 cannot be parsed: indent with spaces: YAML takes no tabs here"],
    ["a: [1, 2\n", '2:1 cannot be parsed: "]" is missing, or stands further left than'],
    ["a: {b: 1\nc: 2", '2:1 cannot be parsed: "}" is missing, or stands further left than'],
    ["{\n  a: 1", '2:7 cannot be parsed: "}" is missing'],
    ['a: "x', '1:6 cannot be parsed: Missing closing "quote'],
    ["a: b: c", "1:4 cannot be parsed: Nested mappings are not allowed in compact mappings"],
    ["a: @x", "1:4 cannot be parsed: Plain value cannot start with reserved character @"],
    ["a: !secret x", "1:4 cannot be parsed: Unresolved tag: !secret"],
    ["a: !!binary aGk=", "1:4 cannot be parsed: Unresolved tag: tag:yaml.org,2002:binary"],
    ["? [a]\n: 1", "1:3 cannot be parsed: With stringKeys, all keys must be strings"],
    ["%YAML 1.3\n---\na: 1", "1:7 cannot be parsed: Unsupported YAML version 1.3"],
  ])("with wrong syntax %j is refused where it is wrong", (text, problem) => {
    expect(problems(text).join("\n")).toContain(problem);
  });

  it("has each key once", () => {
    expect(problems("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n'a': 4\n")).toEqual([
      '5:3 key "c" is written twice in b; first in line 3',
      '6:1 key "a" is written twice; first in line 1',
    ]);
    expect(problems('{"1": 1, 1: 2}')).toEqual(['1:10 key "1" is written twice; first in line 1']);
  });

  it("names at most twenty syntax errors", () => {
    const found = problems(`a: 1\n${"]\n".repeat(500)}`);
    expect(found).toHaveLength(21);
    expect(found.at(-1)).toMatch(/cannot be parsed: \d+ more errors from here on/);
  });

  it.each(["a: *b", "a: *b\nb: &b 1"])("cannot use an alias before its anchor: %j", (text) => {
    expect(problems(text)).toEqual(["1:4 a has *b, but no &b stands before it"]);
  });

  it("cannot hold itself", () => {
    expect(problems("a: &x\n  b: [*x]\n")).toEqual(["2:7 a.b[0] has *x inside of &x itself"]);
  });

  it("cannot make billions of values of a few aliases", () => {
    const nine = (name: string): string => Array(9).fill(`*${name}`).join(", ");
    const levels = Array.from("bcdefghij", (name, index) => {
      return `${name}: &${name} [${nine("abcdefghij".charAt(index))}]`;
    });
    const found = problems(`a: &a [1, 2, 3, 4]\n${levels.join("\n")}\n`);
    expect(found).toEqual([
      expect.stringMatching(/^6:\d+ aliases stand for too many values: at most 50000$/),
    ]);
  });

  it.each(["[", "{a: ", "- ", "? ", "a:\n"])("cannot be nested without end: %j", (opening) => {
    const text =
      opening === "a:\n"
        ? Array.from({ length: 300 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")
        : opening.repeat(200_000);
    expect(problems(text)).toEqual([expect.stringContaining("is nested too deeply: at most 100")]);
  });

  it("cannot be nested without end by aliases either", () => {
    const wrapped = (inner: string): string => `${"[".repeat(60)}${inner}${"]".repeat(60)}`;
    expect(problems(`a: &a ${wrapped("1")}\nb: ${wrapped("*a")}\n`)).toEqual([
      expect.stringContaining("is nested too deeply: at most 100"),
    ]);
  });
});
