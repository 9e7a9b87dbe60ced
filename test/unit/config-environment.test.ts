import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Environment } from "../../src/config/environment.ts";
import { parseConfig } from "../../src/config/load.ts";
import { problemsOf } from "../support/config-problems.ts";

const anything = z.record(z.string(), z.unknown());

function parse(text: string, env: Environment = {}): unknown {
  return parseConfig(text, { file: "edge.yaml", schema: anything, env });
}

function problems(text: string, env: Environment = {}): string[] {
  return problemsOf(text, anything, env);
}

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
