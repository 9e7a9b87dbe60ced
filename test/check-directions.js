// Checks the directions of imports (.dependency-cruiser.js) in a directory, this package by default.
// A checker that can't read TypeScript finds no module, hence no violation, and is content: so this
// one also fails when a single source file was not seen.
import { existsSync, readdirSync } from "node:fs";
import { join, posix, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { cruise, format } from "dependency-cruiser";
import extractOptions from "dependency-cruiser/config-utl/extract-depcruise-options";

const root = fileURLToPath(new URL("..", import.meta.url));
const options = await extractOptions(join(root, ".dependency-cruiser.js"));

process.chdir(resolve(process.argv[2] ?? root));

const directories = ["src", "test", "benchmarks"].filter((name) => existsSync(name));
const { output } = await cruise(directories, { ...options, validate: true });
const report = await format(output, { outputType: "err" });
process.stdout.write(report.output);

const seen = new Set(output.modules.map(({ source }) => source));
const sources = sourcesIn("src");
const unseen = sources.filter((source) => !seen.has(source));
if (sources.length === 0) fail("there are no source files in src/");
if (unseen.length > 0) fail(`not seen by the check: ${unseen.join(", ")}`);
if (output.summary.error > 0) process.exitCode = 1;

function sourcesIn(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => posix.join(directory, ...path.split(sep)));
}

function fail(message) {
  process.stderr.write(`directions: ${message}\n`);
  process.exitCode = 1;
}
