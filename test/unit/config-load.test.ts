import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/core/errors.ts";

const anything = z.record(z.string(), z.unknown());

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
