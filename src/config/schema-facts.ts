import { z } from "zod";

/** An issue before zod finished it: it still knows the schema that raised it. */
export type RawIssue = z.core.$ZodRawIssue;
export type Issue = z.core.$ZodIssue;

/** No schema writes this into a message of its own. */
const MARK = "\0fact ";

/**
 * Stands in for zod's own messages while it parses. So it is known afterwards which messages the
 * schema's author wrote, and which schema raised an issue, through whatever transforms, pipes,
 * defaults and unions it lies: nobody has to walk the schema by its path.
 */
export class SchemaFacts {
  readonly #facts: RawIssue[] = [];

  /** The error map to parse with. */
  readonly note = (issue: RawIssue): string => {
    this.#facts.push(issue);
    return `${MARK}${String(this.#facts.length - 1)}`;
  };

  /** The message that the schema's author wrote, if one did. */
  customMessage(issue: Issue): string | undefined {
    return issue.message.startsWith(MARK) ? undefined : issue.message;
  }

  /** The keys that the mapping may have; undefined where any key is allowed or nothing is known. */
  allowedKeys(issue: Issue): readonly string[] | undefined {
    if (!issue.message.startsWith(MARK)) return undefined;
    const schema = this.#facts[Number(issue.message.slice(MARK.length))]?.inst;
    if (schema instanceof z.core.$ZodObject) return Object.keys(schema._zod.def.shape);
    if (!(schema instanceof z.core.$ZodRecord)) return undefined;
    const keys = schema._zod.def.keyType._zod.values;
    return keys === undefined ? undefined : [...keys].map(String);
  }
}
