import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const FILES = new URL("../../dist/client/", import.meta.url);
/** What docs/client.md says of the files as they are shipped. */
const MAX_BYTES = 17 * 1024;

const scripts = readdirSync(FILES)
  .filter((name) => name.endsWith(".js"))
  .map((name) => readFileSync(new URL(name, FILES), "utf8"));

describe("the shipped files of the client library", () => {
  it("stay small: all of them, with comments, compressed with gzip", () => {
    expect(scripts.length).toBeGreaterThan(20);
    expect(gzipSync(scripts.join("\n"), { level: 9 }).length).toBeLessThan(MAX_BYTES);
  });

  it("import each other and nothing else, so that they run in a browser as they are", () => {
    const imports = scripts.flatMap((script) => [
      ...script.matchAll(/^(?:import|export)[^;]*? from "([^"]+)"/gm),
      ...script.matchAll(/\bimport\s*\(?\s*["'`]([^"'`]+)/g),
    ]);
    expect(imports.length).toBeGreaterThan(30);
    for (const [, path] of imports) expect(path).toMatch(/^\.\/[\w-]+\.js$/);
  });
});
