import type { z } from "zod";
import { describeLimit } from "./describe-limit.ts";
import { insteadOf, mustBeOneOf } from "./describe-value.ts";
import { explainUnion } from "./explain-union.ts";
import { missingKey, unknownKey, wrongValue } from "./explained.ts";
import type { Explained, Explaining, ValueView } from "./explained.ts";
import { insidePath, valueAt, type Path } from "./path.ts";
import type { Issue } from "./schema-facts.ts";
import { describeType, joinOr, showValue } from "./wording.ts";

/** @param above the path that the issue's own path goes on from */
export function explainIssue(issue: Issue, above: Path, explaining: Explaining): Explained[] {
  const { facts, view } = explaining;
  const path = [...above, ...issue.path];
  if (isOfWrongKind(issue) && path.length > 0 && valueAt(view.root, path) === undefined) {
    return [missingKey(path)];
  }
  if (issue.code === "invalid_key") return explainKey(issue, path, explaining);
  const custom = facts.customMessage(issue);
  if (custom !== undefined) return [wrongValue(path, view.redact(custom, path))];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey(path, key, facts.allowedKeys(issue) ?? []));
  }
  if (issue.code === "invalid_union") return explainUnion(issue, path, explaining);
  return [wrongValue(path, describeIssue(issue, path, view))];
}

/** What such an issue says of a value that is not there only distracts. */
function isOfWrongKind({ code }: Issue): boolean {
  return code === "invalid_type" || code === "invalid_value" || code === "invalid_union";
}

/** A key of a record, which is free but not quite: a name, a header. */
function explainKey(
  issue: z.core.$ZodIssueInvalidKey,
  path: Path,
  { facts, view }: Explaining,
): Explained[] {
  const key = JSON.stringify(String(path.at(-1)));
  const name = `key ${key}${insidePath(path.slice(0, -1))}`;
  const wrote = facts.customMessage(issue);
  const problems =
    wrote === undefined
      ? issue.issues.map((inner) => facts.customMessage(inner) ?? describeKeyIssue(inner))
      : [wrote];
  return problems.map((problem) => {
    return { path, place: "key", message: `${name} ${view.redact(problem, path)}` };
  });
}

function describeKeyIssue(issue: Issue): string {
  if (issue.code === "invalid_value") return `must be ${joinOr(issue.values.map(showValue))}`;
  return describeLimit(issue) ?? "is not allowed here";
}

function describeIssue(issue: Issue, path: Path, view: ValueView): string {
  if (issue.code === "invalid_value") return mustBeOneOf(path, issue.values, view);
  if (issue.code === "invalid_type") return describeWrongType(issue.expected, path, view);
  const limit = describeLimit(issue);
  if (limit === undefined) return "is not valid";
  const value = valueAt(view.root, path);
  const saysItAll = typeof value === "object" || value === "";
  return saysItAll ? limit : limit + insteadOf(path, view);
}

function describeWrongType(expected: string, path: Path, view: ValueView): string {
  if (expected === "never") return "is not allowed here";
  const value = valueAt(view.root, path);
  const problem = `must be ${describeType(expected)}${insteadOf(path, view)}`;
  if (view.written(path) !== undefined) {
    return `${problem}: what comes from the environment is text`;
  }
  const isPlain = typeof value === "number" || typeof value === "boolean";
  return expected === "string" && isPlain ? `${problem}; write it in quotes` : problem;
}
