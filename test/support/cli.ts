import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the built package to its end. */
export async function ringway(
  args: readonly string[],
  env: NodeJS.Dict<string> = {},
): Promise<Finished> {
  const child = start(args, env);
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output };
}

export interface Serving {
  readonly child: ChildProcess;
  /** Of the first line that says `listening`. */
  readonly address: string;
  readonly lines: readonly Record<string, unknown>[];
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
}

/** Runs `serve` until it listens. */
export async function serve(
  args: readonly string[],
  env: NodeJS.Dict<string> = {},
): Promise<Serving> {
  const child = start(["serve", ...args], env);
  const lines: Record<string, unknown>[] = [];
  const exited = once(child, "close").then(([code]) => code as number | null);
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const address = await new Promise<string>((resolve, reject) => {
    if (child.stdout === null) throw new Error("no stdout");
    createInterface(child.stdout).on("line", (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      lines.push(entry);
      if (entry["msg"] === "listening") resolve(String(entry["address"]));
    });
    void exited.then((code) => reject(new Error(`exited with ${String(code)}: ${stderr}`)));
  });
  return { child, address, lines, exited };
}

function start(args: readonly string[], env: NodeJS.Dict<string>): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}
