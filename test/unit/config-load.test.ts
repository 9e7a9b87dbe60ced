import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/core/errors.ts";
import { problemsOf, type Variables } from "../support/config-problems.ts";

const anything = z.record(z.string(), z.unknown());

function parse(text: string, env: Variables = {}): unknown {
  return parseConfig(text, { file: "edge.yaml", schema: anything, env });
}

function problems(text: string, env: Variables = {}): string[] {
  return problemsOf(text, anything, env);
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

describe("a variable of the environment", () => {
  const env = { NAME: "ann", PORT: "80", HTML: "{a: 1}\n- b # ${NAME} $${", EMPTY: "" };

  it.each([
    ["a: ${NAME}", "ann"],
    ['a: "${NAME}"', "ann"],
    ["a: '${NAME}'", "ann"],
    ["a: |-\n  x ${NAME}\n  y", "x ann\ny"],
    ["a: http://${NAME}:${PORT}/", "http://ann:80/"],
    ["{a: ${NAME}}", "ann"],
    ["{ a: ${NAME}, b: ${PORT} }", "ann"],
    ['{"a": "${NAME}"}', "ann"],
    ["a: ${PORT}", "80"],
    ["a: $NAME $ {NAME} $", "$NAME $ {NAME} $"],
    ["a: $${NAME}", "${NAME}"],
    ["{a: $${NAME}}", "${NAME}"],
    ["a: $${ and $$${NAME}", "${ and $${NAME}"],
    ["a: ${HTML}", env.HTML],
    ['a: "\\uE000 ${NAME} \uE002"', "\uE000 ann \uE002"],
    ["a: &x ${NAME}", "ann"],
  ])("replaces its name in %j", (text, value) => {
    expect(parse(text, env)).toMatchObject({ a: value });
  });

  it("is replaced in lists and behind aliases", () => {
    expect(parse("a: [${NAME},${PORT}]\nb: &b x${PORT}\nc: *b", env)).toEqual({
      a: ["ann", "80"],
      b: "x80",
      c: "x80",
    });
  });

  it("is not replaced in keys", () => {
    expect(parse("${NAME}: 1\nb: {${NAME}: 2}", env)).toEqual({
      "${NAME}": 1,
      b: { "${NAME}": 2 },
    });
  });

  it("has to be set, and not empty", () => {
    expect(problems("a: ${GONE}\nb:\n  - x\n  - c: 'x${EMPTY}y${GONE}'\n", env)).toEqual([
      "1:4 a needs the environment variable GONE, which is not set",
      "4:8 b[1].c needs the environment variable EMPTY, which is empty",
      "4:8 b[1].c needs the environment variable GONE, which is not set",
    ]);
  });

  it.each(["constructor", "__proto__", "toString"])("is not inherited: %s", (name) => {
    expect(problems(`a: \${${name}}`)).toEqual([
      `1:4 a needs the environment variable ${name}, which is not set`,
    ]);
  });

  it.each([
    ["a: x${NAME", 'a has "${" without its "}"; a literal "${" is written "$${"'],
    ["a: ${}", "a has ${}, which names no environment variable; write ${NAME}"],
    ["a: ${1X}", "a has ${1X}, which names no environment variable"],
    ["{a: ${NAME:-x}}", "a has ${NAME:-x}, which names no environment variable"],
    ["a: ${NAME }", "a has ${NAME }, which names no environment variable"],
  ])("has to be written as a name in braces: %j", (text, problem) => {
    expect(problems(text, env)).toEqual([expect.stringContaining(problem)]);
  });

  it("stays a string, so that it can't be mistaken for another type", () => {
    const schema = z.strictObject({ port: z.number() });
    expect(problemsOf("port: ${PORT}", schema, env)).toEqual([
      '1:7 port must be a number, not "${PORT}": what comes from the environment is text',
    ]);
  });

  it("that is not set is the only problem of its value", () => {
    const schema = z.strictObject({ secret: z.string().min(16), kind: z.enum(["x"]) });
    expect(problemsOf("secret: ${GONE}\nkind: ${GONE}", schema)).toEqual([
      "1:9 secret needs the environment variable GONE, which is not set",
      "2:7 kind needs the environment variable GONE, which is not set",
    ]);
  });
});

describe("a file", () => {
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "ringway-config-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function write(name: string, content: string | Uint8Array): Promise<string> {
    const file = join(directory, name);
    await writeFile(file, content);
    return file;
  }

  async function failure(file: string): Promise<unknown> {
    return loadConfig(file, anything, {}).then(
      () => undefined,
      (error: unknown) => (error instanceof ConfigError ? error.problems : error),
    );
  }

  it("is loaded with its variables", async () => {
    const file = await write("good.yaml", "\uFEFFa: ${X}\n");
    expect(await loadConfig(file, anything, { X: "1" })).toEqual({ a: "1" });
  });

  it("is named in its problems", async () => {
    const file = await write("bad.json", '{\n\t"a": ${X}\n}');
    expect(await failure(file)).toEqual([
      { file, line: 2, column: 7, message: expect.stringContaining("variable X") as string },
    ]);
  });

  it("has to exist, to be a file and to have a possible name", async () => {
    const file = await write("plain.yaml", "a: 1");
    const gone = join(directory, "gone.yaml");
    expect(await failure(gone)).toEqual([{ file: gone, message: "cannot be read: no such file" }]);
    expect(await failure(directory)).toEqual([
      { file: directory, message: "cannot be read: it is a directory" },
    ]);
    expect(await failure(join(file, "x"))).toEqual([
      { file: join(file, "x"), message: "cannot be read: no such file" },
    ]);
    expect(await failure("a\0b")).toEqual([
      { file: "a\0b", message: expect.stringMatching(/^cannot be read: /) as string },
    ]);
  });

  it("has to be UTF-8", async () => {
    const file = await write("utf16.yaml", Buffer.from("a: é", "utf16le"));
    const latin1 = await write("latin1.yaml", Buffer.from("a: é", "latin1"));
    expect(await failure(latin1)).toEqual([{ file: latin1, message: "is not UTF-8 text" }]);
    expect(await failure(file)).toMatchObject([{ file }]);
  });

  it("has at most 1 MiB, and an endless one is not read to its end", async () => {
    const message = "is larger than 1 MiB, too large for a configuration";
    const full = await write("full.yaml", `a: ${"x".repeat(2 ** 20 - 3)}`);
    const over = await write("over.yaml", `a: ${"x".repeat(2 ** 20 - 2)}`);
    expect(await failure(full)).toBeUndefined();
    expect(await failure(over)).toEqual([{ file: over, message }]);
    expect(await failure("/dev/zero")).toEqual([{ file: "/dev/zero", message }]);
  });
});

describe("the result", () => {
  it("is frozen all the way down, with the schema's defaults", () => {
    const schema = z.object({
      a: z.object({ b: z.array(z.object({ c: z.number() })) }).readonly(),
      d: z.object({ e: z.array(z.string()).default(["x"]) }).prefault({}),
    });
    const result = parseConfig("a: { b: [&x { c: 1 }, *x] }", { file: "f", schema, env: {} });
    expect(result).toEqual({ a: { b: [{ c: 1 }, { c: 1 }] }, d: { e: ["x"] } });
    const parts = [result, result.a, result.a.b, ...result.a.b, result.d, result.d.e];
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
  });

  it("keeps what a class made as it is", () => {
    const schema = z.object({ a: z.string().transform((text) => new Map([[text, text]])) });
    const { a } = parseConfig("a: x", { file: "f", schema, env: {} });
    expect(a.set("y", "y").size).toBe(2);
  });
});
