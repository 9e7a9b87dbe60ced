import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const SHIPPED = new URL("../../dist/client/", import.meta.url);
/** What docs/client.md says of it, and a little. */
const MAX_BYTES = 18 * 1024;

describe("the client library as it is shipped", () => {
  it("is small, and imports nothing but its own files", () => {
    const scripts = readdirSync(SHIPPED).filter((name) => name.endsWith(".js"));
    const sources = scripts.map((name) => readFileSync(new URL(name, SHIPPED), "utf8"));
    expect(gzipSync(sources.join("\n"), { level: 9 }).length).toBeLessThan(MAX_BYTES);
    const imported = sources.flatMap((source) =>
      [...source.matchAll(/^(?:import|export) .*from "(.+)";$/gm)].map(([, from]) => from),
    );
    expect(imported.length).toBeGreaterThan(20);
    for (const from of imported) expect(scripts).toContain(from?.replace("./", ""));
  });
});
