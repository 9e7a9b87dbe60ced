import type { z } from "zod";
import type { Issue } from "./schema-facts.ts";

type TooSmall = z.core.$ZodIssueTooSmall;
type TooBig = z.core.$ZodIssueTooBig;
type InvalidFormat = z.core.$ZodIssueInvalidStringFormat;

/** @returns what a value of the right type is to keep to; undefined when the issue is another */
export function describeLimit(issue: Issue): string | undefined {
  switch (issue.code) {
    case "too_small":
      return describeMinimum(issue);
    case "too_big":
      return describeMaximum(issue);
    case "not_multiple_of":
      return `must be a multiple of ${String(issue.divisor)}`;
    case "invalid_format":
      return describeFormat(issue);
    default:
      return undefined;
  }
}

function describeMinimum({ minimum, inclusive, exact, origin }: TooSmall): string {
  const bound = exact === true ? "exactly" : inclusive === false ? "more than" : "at least";
  if (minimum === 1 && inclusive !== false && exact !== true && origin === "string") {
    return "must not be empty";
  }
  return `${verbOf(origin)} ${bound} ${amountOf(minimum, origin)}`;
}

function describeMaximum({ maximum, inclusive, exact, origin }: TooBig): string {
  const bound = exact === true ? "exactly" : inclusive === false ? "less than" : "at most";
  return `${verbOf(origin)} ${bound} ${amountOf(maximum, origin)}`;
}

function verbOf(origin: string): string {
  return unitOf(origin) === undefined ? "must be" : "must have";
}

function amountOf(limit: number | bigint, origin: string): string {
  const unit = unitOf(origin);
  if (unit === undefined) return String(limit);
  const plural = Number(limit) === 1 ? unit : unit.replace(/y$/, "ie").concat("s");
  return `${String(limit)} ${plural}`;
}

function unitOf(origin: string): string | undefined {
  if (origin === "string") return "character";
  return origin === "array" || origin === "record" || origin === "object" ? "entry" : undefined;
}

function describeFormat({ format, pattern, ...issue }: InvalidFormat): string {
  const literal = (name: string): string => JSON.stringify(Reflect.get(issue, name));
  switch (format) {
    case "starts_with":
      return `must begin with ${literal("prefix")}`;
    case "ends_with":
      return `must end in ${literal("suffix")}`;
    case "includes":
      return `must contain ${literal("includes")}`;
    case "regex":
      return `must match ${pattern ?? "a pattern"}`;
    default:
      return `must be a valid ${format}`;
  }
}
