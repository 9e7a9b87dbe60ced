import type { FaultSource } from "./fault.ts";

/** The base of every error that Ringway throws: what went wrong by a stable code. */
export abstract class RingwayError extends Error {
  abstract readonly code: string;
  readonly source: FaultSource = "edge";
  /** Whether the same call may succeed when it is made again. */
  readonly retryable: boolean = false;
}

/** One thing wrong in a configuration, with the place where it stands. */
export interface ConfigProblem {
  readonly file: string;
  /** Both count from 1; absent when the file itself cannot be read. */
  readonly line?: number;
  readonly column?: number;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

/** The configuration cannot be used: all that is wrong in it, in file order. Exit code 2. */
export class ConfigError extends RingwayError {
  override readonly name = "ConfigError";
  readonly code = "bad_configuration";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    super(problems.map(describeProblem).join("\n"), options);
    this.problems = problems;
  }
}

/** The machine refuses what the configuration asks for (port in use, no permission). Exit code 1. */
export class StartError extends RingwayError {
  override readonly name = "StartError";
  readonly code = "cannot_start";
  override readonly retryable = true;
}

function describeProblem({ file, line, column, message }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  return `${place}: ${message}`;
}

/** The system's error code (`ECONNREFUSED`, `EADDRINUSE`, …), when the error carries one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What was thrown, as one line for a log. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Why a file can't be read, in words. */
export function describeFileError(error: unknown): string {
  return fileReasons[systemCode(error) ?? ""] ?? describeError(error);
}

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "no permission",
  EPERM: "no permission",
  EISDIR: "it is a directory",
};
