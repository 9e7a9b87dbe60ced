export type Environment = Readonly<Record<string, string | undefined>>;

export interface UsedVariable {
  readonly name: string;
  readonly value: string;
}

export interface Substitution {
  /** The text with every variable's value in it. */
  readonly text: string;
  readonly used: readonly UsedVariable[];
  /** What kept a variable from being replaced; each reads on from the name of the value. */
  readonly problems: readonly string[];
}

/** A literal `${`, a variable, or an opening without its end. */
const VARIABLE = /\$\$\{|\$\{([^{}]*)\}|\$\{/g;

/**
 * Replaces `${NAME}` by the environment variable and `$${` by `${`. Values that come in are not
 * looked at again.
 *
 * @returns undefined when there is nothing to replace
 */
export function substitute(text: string, env: Environment): Substitution | undefined {
  if (!text.includes("${")) return undefined;
  const used: UsedVariable[] = [];
  const problems: string[] = [];
  const replaced = text.replace(VARIABLE, (written: string, name: string | undefined) => {
    if (written === "$${") return "${";
    const value = name === undefined || !Object.hasOwn(env, name) ? undefined : env[name];
    const problem = problemWith(name, value);
    if (problem !== undefined) problems.push(problem);
    if (name === undefined || value === undefined) return written;
    used.push({ name, value });
    return value;
  });
  return { text: replaced, used, problems };
}

function problemWith(name: string | undefined, value: string | undefined): string | undefined {
  const literal = 'a literal "${" is written "$${"';
  if (name === undefined) return `has "\${" without its "}"; ${literal}`;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return `has \${${name}}, which names no environment variable; write \${NAME}; ${literal}`;
  }
  const needs = `needs the environment variable ${name}, which is`;
  if (value === undefined) return `${needs} not set`;
  return value === "" ? `${needs} empty` : undefined;
}
