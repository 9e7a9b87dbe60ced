import type { LineCounter } from "yaml";
import { ConfigError, type ConfigProblem } from "../core/errors.ts";

interface Place {
  readonly line: number;
  readonly column: number;
}

/** What was found wrong in one text so far. */
export class ProblemList {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #problems: (ConfigProblem & Place)[] = [];

  /** @param lines knows the text's lines by the time that a problem is added */
  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  get size(): number {
    return this.#problems.length;
  }

  /** @param offset in the text, in UTF-16 units */
  add(offset: number, message: string): void {
    this.#problems.push({ file: this.#file, ...this.placeOf(offset), message: oneLine(message) });
  }

  /** Both count from 1, also for a text without any line. */
  placeOf(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** For what leaves nothing to go on with. */
  fail(offset: number, message: string): never {
    this.add(offset, message);
    throw this.toError();
  }

  /** All problems in file order, each once. */
  toError(): ConfigError {
    const once = new Map(this.#problems.map((problem) => [JSON.stringify(problem), problem]));
    const ordered = [...once.values()].sort((a, b) => a.line - b.line || a.column - b.column);
    return new ConfigError(ordered);
  }
}

/** A schema or the parser may quote the text as it is: line ends, or what a terminal would obey. */
function oneLine(message: string): string {
  return message.replace(/\p{Cc}/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
