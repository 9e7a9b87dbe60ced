import type { z } from "zod";
import { explainIssue } from "./explain-issue.ts";
import type { Explained, Explaining, ValueView } from "./explained.ts";
import { freezeDeep } from "./freeze-deep.ts";
import { SchemaFacts } from "./schema-facts.ts";

export type Validated<T> =
  | { readonly valid: true; readonly value: T }
  | { readonly valid: false; readonly problems: readonly Explained[] };

/** Parses with the schema; the result, defaults included, can no longer be changed. */
export function validate<T>(schema: z.ZodType<T>, view: ValueView): Validated<T> {
  const facts = new SchemaFacts();
  const parsed = schema.safeParse(view.root, { error: facts.note });
  if (parsed.success) return { valid: true, value: freezeDeep(parsed.data) };
  const explaining: Explaining = {
    facts,
    view,
    explain: (issue, above) => explainIssue(issue, above, explaining),
  };
  const problems = parsed.error.issues.flatMap((issue) => explaining.explain(issue, []));
  return { valid: false, problems };
}
