#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { Command, InvalidArgumentError, Option } from "commander";
import { ConfigError, describeError, RingwayError } from "../core/errors.ts";
import type { DrainFlags } from "./drain.ts";
import type { ExplainFlags } from "./explain.ts";
import type { ServeFlags } from "./serve.ts";
import type { StatusFlags } from "./status.ts";

const CANNOT_START = 1;
const BAD_CONFIGURATION = 2;

const program = new Command("ringway")
  .description("Edge proxy for WebSocket fleets: sticky routing, frame-aware tunnels, draining.")
  .version(version())
  .showHelpAfterError("(run with --help for the commands and options)")
  // A command line that can't be used is a bad configuration.
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : BAD_CONFIGURATION));

program
  .command("serve")
  .description("Run the edge, from a file or from flags alone.")
  .option("-c, --config <file>", "configuration, YAML or JSON")
  .option("--listen <address>", "host:port to listen at (several times)", collect)
  .option(
    "--backend <url>",
    "http://, https:// or unix:/ URL of a backend (several times)",
    collect,
  )
  .option("--policy <name>", "ring, round-robin, least-connections or random-two")
  .option(
    "--affinity <source>",
    "cookie:NAME, query:NAME, header:NAME or ip (several times, the first found wins)",
    collect,
  )
  .option("--redis <url>", "where edges share their sessions; in memory without it")
  .option("--admin <address>", "host:port of metrics and health, such as 127.0.0.1:9900")
  .option("--workers <number>", "processes that serve together: a number, or auto", parseWorkers)
  .addHelpText(
    "after",
    `
Example:
  ringway serve --listen 127.0.0.1:8080 --backend http://127.0.0.1:9001 \\
    --backend http://127.0.0.1:9002 --affinity cookie:sid`,
  )
  .action(async (flags: ServeFlags) => {
    const { serve } = await import("./serve.ts");
    await serve(flags);
  });

program
  .command("check")
  .description("Validate a configuration and print it with all defaults; exit 0 or 2.")
  .requiredOption("-c, --config <file>", "configuration, YAML or JSON")
  .action(async ({ config }: { readonly config: string }) => {
    const { check } = await import("./check.ts");
    await check(config);
  });

program
  .command("explain")
  .description("Say which route, key and backend a request would get, and why. Sends nothing.")
  .requiredOption("-c, --config <file>", "configuration, YAML or JSON")
  .option("--url <url>", "URL or path of the request", "/")
  .option("--header <line>", "'name: value' (several times)", collect)
  .option("--ip <address>", "the client's address", parseIp, "127.0.0.1")
  .option("--json", "print JSON", false)
  .action(async (flags: ExplainFlags) => {
    const { explainRequest } = await import("./explain.ts");
    await explainRequest(flags);
  });

program
  .command("status")
  .description("Print the pools and backends of a running edge.")
  .addOption(adminOption())
  .addOption(tokenOption())
  .option("--json", "print JSON", false)
  .action(async (flags: StatusFlags) => {
    const { status } = await import("./status.ts");
    await status(flags);
  });

for (const [verb, description] of [
  ["drain", "Empty a backend: nothing new goes there, its clients are sent on a few at a time."],
  ["undrain", "Let a backend take sessions again."],
] as const) {
  const command = program
    .command(verb)
    .description(description)
    .argument("<backend>", "its id")
    .option("--pool <name>", "needed when several pools have such a backend")
    .addOption(adminOption())
    .addOption(tokenOption());
  if (verb === "drain") command.option("--wait", "return only when it is empty");
  command.action(async (backend: string, flags: DrainFlags) => {
    const { drain } = await import("./drain.ts");
    await drain(verb, backend, flags);
  });
}

program
  .command("demo")
  .description("Run a sample chat fleet of three backends behind an edge, with a page to try it.")
  .option("--listen <address>", "host:port of the page", "127.0.0.1:8080")
  .option("--admin <address>", "host:port of metrics and health", "127.0.0.1:9900")
  .action(async (flags: { readonly listen: string; readonly admin: string }) => {
    const { demo } = await import("./demo/demo.ts");
    await demo(flags);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exitCode = error instanceof ConfigError ? BAD_CONFIGURATION : CANNOT_START;
}

function describeFailure(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (error instanceof RingwayError) return `ringway: ${error.message}`;
  // Not one of ours: where it comes from is what helps.
  return `ringway: ${error instanceof Error ? (error.stack ?? error.message) : describeError(error)}`;
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function adminOption(): Option {
  return new Option("--admin <address>", "the edge's admin address").default("127.0.0.1:9900");
}

function tokenOption(): Option {
  return new Option("--token <token>", "the admin token; RINGWAY_ADMIN_TOKEN when absent");
}

function parseWorkers(value: string): number | "auto" {
  if (value === "auto") return value;
  if (/^[1-9]\d{0,3}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("must be a number from 1, or auto");
}

function parseIp(value: string): string {
  if (isIP(value) !== 0) return value;
  throw new InvalidArgumentError("must be an IPv4 or IPv6 address");
}

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
