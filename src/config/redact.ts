import type { UsedVariable } from "./environment.ts";

/** Anything shorter occurs in ordinary words, and no secret is that short. */
const MIN_SECRET_LENGTH = 4;

/**
 * For messages that a schema wrote itself, which may quote a value in any form.
 *
 * @param written the value as the file has it, when the message is about one that came from the
 *   environment: then it says this in place of what it is "not"
 */
export type Redact = (message: string, written: string | undefined) => string;

/** Puts `${NAME}` where a message quotes a value that came from the environment. */
export function createRedact(variables: readonly UsedVariable[]): Redact {
  const names = new Map<string, string>();
  for (const { name, value } of variables) {
    for (const form of formsOf(value)) names.set(form.toLowerCase(), name);
  }
  // The longest first: a value may contain another.
  const forms = [...names.keys()].sort((a, b) => b.length - a.length).map(escapeForRegExp);
  const long = forms.filter((form) => form.length >= MIN_SECRET_LENGTH);
  const whole = forms.map((form) => `(?<!\\w)${form}(?!\\w)`);
  const nameOf = (found: string): string => `\${${names.get(found.toLowerCase()) ?? "…"}}`;
  const hide = (text: string, patterns: readonly string[]): string =>
    patterns.length === 0 ? text : text.replace(new RegExp(patterns.join("|"), "gi"), nameOf);
  return (message, written) => {
    if (written === undefined) return hide(message, long);
    // By our habit a message ends in `, not "…"`, and a schema may quote a part: only the protocol.
    const [head = "", ...tail] = message.split(", not ");
    const safe = hide(head, [...long, ...whole]);
    return tail.length === 0 ? safe : `${safe}, not ${JSON.stringify(written)}`;
  };
}

/** As it came, and as a schema may have changed it before it was quoted. */
function formsOf(value: string): string[] {
  const plain = [value, value.trim()];
  const quoted = plain.map((form) => JSON.stringify(form).slice(1, -1));
  return [...plain, ...quoted].filter((form) => form !== "");
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
