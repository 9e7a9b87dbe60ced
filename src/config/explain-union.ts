import type { z } from "zod";
import { insteadOf, mustBeOneOf, nearestChoice } from "./describe-value.ts";
import { unknownKey, wrongValue, type Explained, type Explaining } from "./explained.ts";
import { valueAt, type Path } from "./path.ts";
import type { Issue } from "./schema-facts.ts";
import { describeType, joinOr, showValue } from "./wording.ts";

type UnionIssue = z.core.$ZodIssueInvalidUnion;
/** What keeps the value from being one of the alternatives. */
type Branch = readonly Issue[];

/**
 * "Invalid input" would help nobody. This finds the alternative that the writer had in mind, by the
 * keys that are there, and explains what keeps the value from being that one.
 */
export function explainUnion(issue: UnionIssue, path: Path, explaining: Explaining): Explained[] {
  const { view } = explaining;
  if (issue.discriminator !== undefined && "options" in issue) {
    return [wrongValue(path, mustBeOneOf(path, issue.options ?? [], view))];
  }
  const branches = alternatives(issue);
  if (branches.length === 0) return [wrongValue(path, "fits several alternatives at once")];
  const fitting = branches.filter((branch) => !branch.some(isOfAnotherType));
  if (fitting.length === 0) return [explainType(branches, path, explaining)];
  const value = valueAt(view.root, path);
  const [best = []] = nearestFirst(fitting, value);
  const kind = best.find((inner) => isWrongLiteral(inner, value));
  if (kind !== undefined) return [explainKind(kind, fitting, { path, explaining })];
  if (fitting.length > 1 && hasNoKeyOf(best, value)) return explainKeys(fitting, path, explaining);
  const problems = best.flatMap((inner) => explaining.explain(inner, path));
  if (typeof value === "object") return problems;
  const hint = orChoice(branches, path, explaining);
  return problems.map((problem) => ({ ...problem, message: problem.message + hint }));
}

/** A union within the union adds its alternatives. */
function alternatives(issue: UnionIssue): Branch[] {
  return issue.errors.flatMap((branch) => {
    const [only, ...more] = branch;
    const isUnion = only?.code === "invalid_union" && only.path.length === 0 && more.length === 0;
    return isUnion ? alternatives(only) : [branch];
  });
}

function isOfAnotherType({ code, path }: Issue): boolean {
  return path.length === 0 && (code === "invalid_type" || code === "invalid_value");
}

/** A key that tells alternatives apart, `store: redis`, and has another's value. */
function isWrongLiteral({ code, path }: Issue, value: unknown): boolean {
  return code === "invalid_value" && path.length === 1 && valueAt(value, path) !== undefined;
}

function nearestFirst(branches: readonly Branch[], value: unknown): Branch[] {
  const ranked = branches.map((branch) => ({ branch, rank: distanceOf(branch, value) }));
  return ranked.sort((a, b) => compareRanks(a.rank, b.rank)).map(({ branch }) => branch);
}

/** What counts most stands first: the kind, then keys that it lacks, then keys that are lacking. */
function distanceOf(branch: Branch, value: unknown): readonly number[] {
  const isMissing = ({ path }: Issue): boolean =>
    path.length === 1 && valueAt(value, path) === undefined;
  return [
    branch.filter((issue) => isWrongLiteral(issue, value)).length,
    unknownKeysOf(branch).length,
    branch.filter(isMissing).length,
    branch.length,
  ];
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((part, at) => part !== b[at]);
  return (a[index] ?? 0) - (b[index] ?? 0);
}

function unknownKeysOf(branch: Branch): readonly string[] {
  return branch.flatMap((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys : [],
  );
}

function hasNoKeyOf(branch: Branch, value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.keys(value).length === unknownKeysOf(branch).length;
}

/** No alternative takes such a type: names all that would do. */
function explainType(branches: readonly Branch[], path: Path, explaining: Explaining): Explained {
  const { facts, view } = explaining;
  const roots = branches.flatMap((branch) => branch.filter(isOfAnotherType));
  const custom = roots.flatMap((issue) => facts.customMessage(issue) ?? []);
  const own = roots.filter((issue) => facts.customMessage(issue) === undefined);
  const keys = own.flatMap((issue) => facts.allowedKeys(issue) ?? []);
  const types = own.flatMap((issue) => (issue.code === "invalid_type" ? [issue.expected] : []));
  const values = own.flatMap((issue) => (issue.code === "invalid_value" ? issue.values : []));
  const choices = [...values.map(showValue), ...types.map(describeType)].map((choice) =>
    choice === "a mapping" && keys.length > 0 ? `a mapping with ${joinOr(keys)}` : choice,
  );
  const named = joinOr([...new Set(choices)]);
  if (custom.length === 0) {
    const instead = insteadOf(path, view) + nearestChoice(path, values, view);
    return wrongValue(path, `must be ${named}${instead}`);
  }
  const wrote = custom.map((message) => view.redact(message, path)).join("; or ");
  return wrongValue(path, choices.length === 0 ? wrote : `${wrote}; or write ${named}`);
}

/** A word that would do beside what the nearest alternative wants: `never` beside `30s`. */
function orChoice(branches: readonly Branch[], path: Path, { facts, view }: Explaining): string {
  const values = branches.flatMap((branch) =>
    branch.flatMap((issue) => {
      const isWord = issue.path.length === 0 && issue.code === "invalid_value";
      return isWord && facts.customMessage(issue) === undefined ? issue.values : [];
    }),
  );
  if (values.length === 0) return "";
  return nearestChoice(path, values, view) || `; or write ${joinOr(values.map(showValue))}`;
}

/** The key that tells the alternatives apart has the value of none. */
function explainKind(
  issue: Issue,
  branches: readonly Branch[],
  { path, explaining }: { path: Path; explaining: Explaining },
): Explained {
  const [key] = issue.path;
  const values = branches.flat().flatMap((other) => {
    return other.code === "invalid_value" && other.path.length === 1 && other.path[0] === key
      ? other.values
      : [];
  });
  const kindPath = [...path, ...issue.path];
  return wrongValue(kindPath, mustBeOneOf(kindPath, [...new Set(values)], explaining.view));
}

/** Nothing in the mapping points to one alternative. */
function explainKeys(branches: readonly Branch[], path: Path, explaining: Explaining): Explained[] {
  const { facts, view } = explaining;
  const allowed = branches.flatMap((branch) => {
    return branch.flatMap((issue) =>
      issue.code === "unrecognized_keys" ? (facts.allowedKeys(issue) ?? []) : [],
    );
  });
  const unknown = Object.keys(valueAt(view.root, path) ?? {});
  if (unknown.length > 0) return unknown.map((key) => unknownKey(path, key, [...new Set(allowed)]));
  const missing = branches.flatMap((branch) => {
    return branch.flatMap(({ path: [key], code }) =>
      key === undefined || code === "unrecognized_keys" ? [] : [JSON.stringify(String(key))],
    );
  });
  return [wrongValue(path, `needs the key ${joinOr([...new Set(missing)])}`)];
}
