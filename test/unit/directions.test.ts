import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";

const SCRIPT = fileURLToPath(new URL("../check-directions.js", import.meta.url));

interface Check {
  readonly code: number;
  readonly output: string;
  /** Sorted, each as `rule: from → to`. */
  readonly violations: readonly string[];
}

/** Runs what `npm run check:directions` runs, on a directory; this package by default. */
async function check(...directory: readonly string[]): Promise<Check> {
  const options = { env: { ...process.env, NO_COLOR: "1" } };
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, ...directory], options, (error, stdout, stderr) => {
      const found = [...stdout.matchAll(/^ +error (\S+: \S+(?: → \S+)?)/gm)];
      const violations = found.map(([, violation = ""]) => violation).sort();
      const code = typeof error?.code === "number" ? error.code : 0;
      resolve({ code, output: stdout + stderr, violations });
    });
  });
}

/** A package of these files. */
async function plant(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "ringway-directions-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [name, text] of Object.entries({ "package.json": "{}", ...files })) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return directory;
}

const LEAF = "export const a = 1;\nexport interface A {}\n";
const value = (path: string): string => `import { a } from "${path}";\nexport const b = a;\n`;
const type = (path: string): string => `import type { A } from "${path}";\nexport type B = A;\n`;

/** The layers of the edge, low to high; `edge` is the file src/edge.ts. */
const LAYERS = [
  ["core"],
  ["wire", "ring", "redis"],
  ["upstream", "policy", "session"],
  ["proxy"],
  ["admin", "config"],
  ["edge"],
  ["cli"],
];
/** They look after backends beside the line of a request, which does not know them. */
const BESIDE = ["health", "discovery"];
const FOLDERS = [...LAYERS.flat(), ...BESIDE, "backend", "client"];
const fileOf = (folder: string): string =>
  folder === "edge" ? "src/edge.ts" : `src/${folder}/leaf.ts`;

function mayImport(from: string, to: string): boolean {
  if (from === "backend") return ["core", "wire", "ring", "redis"].includes(to);
  if (to === "backend" || to === "client") return from === "cli";
  if (BESIDE.includes(from)) return ["core", "wire", "ring", "redis", "upstream"].includes(to);
  if (BESIDE.includes(to)) return ["config", "edge", "cli"].includes(from);
  const level = (folder: string): number => LAYERS.findIndex((layer) => layer.includes(folder));
  return level(from) > level(to);
}

describe("the check of import directions", () => {
  it("knows for every two folders which may import the other, values and types", async () => {
    const files: Record<string, string> = {};
    const expected: string[] = [];
    for (const from of FOLDERS) files[fileOf(from)] = LEAF;
    for (const from of FOLDERS.filter((folder) => folder !== "edge")) {
      for (const to of FOLDERS.filter((folder) => folder !== from)) {
        const [byValue, byType] = [`src/${from}/${to}-value.ts`, `src/${from}/${to}-type.ts`];
        const target = `../${fileOf(to).slice("src/".length)}`;
        files[byValue] = value(target);
        files[byType] = type(target);
        if (from === "client") {
          expected.push(`client-to-code: ${byValue} → ${fileOf(to)}`);
        } else if (!mayImport(from, to)) {
          expected.push(`${from}-to-${to}: ${byValue} → ${fileOf(to)}`);
          expected.push(`${from}-to-${to}: ${byType} → ${fileOf(to)}`);
        }
      }
    }
    const { code, violations } = await check(await plant(files));
    expect(violations).toEqual(expected.sort());
    expect(violations.length).toBeGreaterThan(100);
    expect(code).toBe(1);
  });

  it("lets the composition root import the edge and nothing else", async () => {
    const others = FOLDERS.filter((folder) => folder !== "edge");
    const imports = others.map((folder) => `import "./${folder}/leaf.ts";\n`).join("");
    const leaves = Object.fromEntries(others.map((folder) => [fileOf(folder), LEAF]));
    const { code, violations } = await check(await plant({ ...leaves, "src/edge.ts": imports }));
    expect(violations).toEqual([
      "edge-to-backend: src/edge.ts → src/backend/leaf.ts",
      "edge-to-cli: src/edge.ts → src/cli/leaf.ts",
      "edge-to-client: src/edge.ts → src/client/leaf.ts",
    ]);
    expect(code).toBe(1);
  });

  it.each([
    ["values", value],
    ["types", type],
  ])("finds a cycle of %s inside a folder", async (_, imports) => {
    const directory = await plant({
      "src/core/a.ts": imports("./b.ts"),
      "src/core/b.ts": imports("./a.ts"),
    });
    const { code, violations } = await check(directory);
    expect(violations).toContainEqual(expect.stringMatching(/^cycle: src\/core\/[ab]\.ts/));
    expect(code).toBe(1);
  });

  it("finds files without a place and imports of what does not ship", async () => {
    const directory = await plant({
      "package.json": '{ "devDependencies": { "planted": "1.0.0" } }',
      "node_modules/planted/package.json": '{ "name": "planted", "main": "main.js" }',
      "node_modules/planted/main.js": "",
      "node_modules/undeclared/package.json": '{ "name": "undeclared", "main": "main.js" }',
      "node_modules/undeclared/main.js": "",
      "src/core/dev.ts": 'import "planted";\n',
      "src/core/gone.ts": 'import "./nowhere.ts";\n',
      "src/core/orphan.ts": LEAF,
      "src/core/tested.ts": 'import "../../test/support/leaf.ts";\n',
      "src/core/undeclared.ts": 'import "undeclared";\n',
      "src/misc/stray.ts": 'import "../core/dev.ts";\n',
      "src/stray.ts": 'import "./core/dev.ts";\n',
      "src/wire/to-stray.ts": 'import "../misc/stray.ts";\n',
      "test/support/leaf.ts": LEAF,
    });
    const { code, violations } = await check(directory);
    expect(violations).toEqual([
      "from-unknown-folder: src/misc/stray.ts → src/core/dev.ts",
      "from-unknown-folder: src/stray.ts → src/core/dev.ts",
      "orphan: src/core/orphan.ts",
      "src-to-dev-dependency: src/core/dev.ts → node_modules/planted/main.js",
      "src-to-test: src/core/tested.ts → test/support/leaf.ts",
      "to-undeclared-package: src/core/undeclared.ts → node_modules/undeclared/main.js",
      "to-unknown-folder: src/wire/to-stray.ts → src/misc/stray.ts",
      "unresolvable: src/core/gone.ts → ./nowhere.ts",
    ]);
    expect(code).toBe(1);
  });

  it("is content with imports that go down", async () => {
    const directory = await plant({
      "src/edge.ts": value("./wire/frame.ts"),
      "src/wire/frame.ts": value("../core/leaf.ts"),
      "src/core/leaf.ts": LEAF,
      "src/client/client.ts": type("../core/leaf.ts"),
    });
    expect(await check(directory)).toMatchObject({ code: 0, violations: [] });
  });

  it("fails when there is nothing to check", async () => {
    const { code, output } = await check(await plant({ "src/README.md": "nothing" }));
    expect(output).toContain("there are no source files in src/");
    expect(code).toBe(1);
  });

  it("sees the modules of this package", async () => {
    const { output } = await check();
    const [, modules] = /(\d+) modules, \d+ dependencies cruised/.exec(output) ?? [];
    expect(Number(modules)).toBeGreaterThan(10);
  });
});
