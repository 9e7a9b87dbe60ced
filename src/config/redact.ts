import type { UsedVariable } from "./environment.ts";

/** The value that a message is about, when it came from the environment. */
export interface OwnValue {
  /** As the file has it: `x${NAME}`. */
  readonly written: string;
  readonly text: unknown;
}

/** For messages that a schema wrote itself, which may quote values in any form. */
export type Redact = (message: string, own: OwnValue | undefined) => string;

/**
 * Anything shorter occurs in ordinary words, and no secret is that short: it is only taken out of
 * messages about itself.
 */
const MIN_SECRET_LENGTH = 4;

/** Puts `${NAME}` where a message quotes a value that came from the environment. */
export function createRedact(variables: readonly UsedVariable[]): Redact {
  const shown = new Map<string, string>();
  for (const { name, value } of variables) addForms(shown, value, `\${${name}}`);
  const secrets = new Map([...shown].filter(([form]) => form.length >= MIN_SECRET_LENGTH));
  return (message, own) => {
    if (own === undefined) return replaceForms(message, secrets, anywhere);
    // By our habit a message ends in `, not "…"`, and it may quote a part only: a URL's protocol.
    const [head = "", ...tail] = message.split(", not ");
    const ending = tail.length === 0 ? "" : `, not ${JSON.stringify(own.written)}`;
    const whole = new Map(shown);
    if (typeof own.text === "string") addForms(whole, own.text, own.written);
    const safe = replaceForms(head, whole, asWord);
    return replaceForms(safe, secrets, anywhere) + ending;
  };
}

/** The value as it came, and as a schema may have changed it before it was quoted. */
function addForms(shown: Map<string, string>, value: string, written: string): void {
  for (const plain of [value, value.trim()]) {
    for (const form of [plain, plain.toLowerCase(), plain.toUpperCase()]) {
      if (form === "") continue;
      shown.set(form, written);
      shown.set(JSON.stringify(form).slice(1, -1), written);
    }
  }
}

/** The longest first: a value may contain another. */
function replaceForms(
  message: string,
  shown: ReadonlyMap<string, string>,
  pattern: (form: string) => string,
): string {
  if (shown.size === 0) return message;
  const forms = [...shown.keys()].sort((a, b) => b.length - a.length);
  const search = new RegExp(forms.map(pattern).join("|"), "g");
  return message.replace(search, (found) => shown.get(found) ?? "…");
}

function anywhere(form: string): string {
  return form.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function asWord(form: string): string {
  return `(?<!\\w)${anywhere(form)}(?!\\w)`;
}
