import { Composer, isMap, isSeq, Lexer, Parser } from "yaml";
import type { CST, Document, LineCounter, Node, YAMLMap } from "yaml";
import type { ProblemList } from "./problem-list.ts";
import { shieldVariables } from "./shield-variables.ts";

/** The parsed text, still with the place of everything. */
export interface YamlTree {
  readonly root: YAMLMap;
  /** Gives a scalar's or key's text its braces back. */
  readonly restore: (piece: string) => string;
}

/** Collections within collections. Real files stay below ten; recursion has to end somewhere. */
export const MAX_DEPTH = 100;
/** One slip can set off a chain of errors; nobody reads more than these. */
const MAX_SYNTAX_PROBLEMS = 20;

const options = {
  version: "1.2",
  schema: "core",
  merge: false,
  resolveKnownTags: false,
  strict: true,
  stringKeys: true,
  // Checked while reading instead: in linear time, and there `1` and `"1"` are the same key.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: "silent",
} as const;

/**
 * @param lines learns the text's lines
 * @throws ConfigError when the text is not one YAML or JSON mapping
 */
export function parseTree(text: string, lines: LineCounter, problems: ProblemList): YamlTree {
  lines.addNewLine(0);
  const shielded = shieldVariables(text.replace(/\r(?!\n)/g, "\n"));
  const tokens = tokensOf(shielded.text, lines, problems);
  const [document, second] = new Composer(options).compose(tokens, true, text.length);
  if (document === undefined) return problems.fail(0, emptyProblem);
  addSyntaxProblems(document, shielded.restore, problems);
  if (second !== undefined) {
    const message = 'begins a second YAML document; a configuration is one: remove the "---"';
    problems.add(second.range[0], message);
  }
  if (problems.size > 0) throw problems.toError();
  const root = document.contents;
  if (!isMap(root)) return problems.fail(root?.range[0] ?? 0, topLevelProblem(root));
  return { root, restore: shielded.restore };
}

/**
 * The composer recurses once a level, and a text of nothing but brackets takes the whole process
 * down with it (V8 aborts when a regular expression is compiled at the end of the stack). So the
 * depth is checked before, where the parser still keeps a stack of its own.
 */
function tokensOf(text: string, lines: LineCounter, problems: ProblemList): CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > MAX_DEPTH) {
      return problems.fail(parser.offset, tooDeepProblem);
    }
  }
  tokens.push(...parser.end());
  return tokens;
}

export const tooDeepProblem: string = `is nested too deeply: at most ${String(MAX_DEPTH)} levels`;
const emptyProblem = "the configuration is empty; write a mapping of keys to values";

function addSyntaxProblems(
  document: Document.Parsed,
  restore: YamlTree["restore"],
  problems: ProblemList,
): void {
  // Warnings are about tags and directives that would be ignored: nothing is, in strict reading.
  const errors = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  for (const { pos, message } of errors.slice(0, MAX_SYNTAX_PROBLEMS)) {
    problems.add(pos[0], `cannot be parsed: ${restore(plainWords(message))}`);
  }
  const [unseen] = errors.slice(MAX_SYNTAX_PROBLEMS);
  if (unseen === undefined) return;
  const count = errors.length - MAX_SYNTAX_PROBLEMS;
  problems.add(unseen.pos[0], `cannot be parsed: ${String(count)} more errors from here on`);
}

/** The parser speaks YAML's own language; these are the slips that people make. */
function plainWords(message: string): string {
  if (message.startsWith("Tabs are not allowed"))
    return "indent with spaces: YAML takes no tabs here";
  const [, kind] = /^Flow (map|sequence) (?:in block collection )?must/.exec(message) ?? [];
  if (kind === undefined) return message;
  const bracket = kind === "map" ? "}" : "]";
  return `"${bracket}" is missing, or stands further left than the key it belongs to`;
}

function topLevelProblem(root: Node | null): string {
  if (root === null || ("value" in root && root.value === null)) return emptyProblem;
  const found = isSeq(root) ? "a list" : "a single value";
  return `the configuration must be a mapping of keys to values, not ${found}`;
}
