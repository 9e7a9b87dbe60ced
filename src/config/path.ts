/** The keys and list indexes that lead from the top of a configuration to one value. */
export type Path = readonly PropertyKey[];

/** `pools.chat.backends[2].url`; a key that would be misread is quoted: `pools["a b"]`. */
function formatPath(path: Path): string {
  return path.map(formatStep).join("");
}

/** For "unknown key … in pools.chat": nothing at the top. */
export function insidePath(path: Path): string {
  return path.length === 0 ? "" : ` in ${formatPath(path)}`;
}

/** The value that a message is about. */
export function subjectOf(path: Path): string {
  return path.length === 0 ? "the configuration" : formatPath(path);
}

/** @returns undefined when there is no such value; inherited properties are none */
export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}

function formatStep(step: PropertyKey, index: number): string {
  if (typeof step === "number") return `[${String(step)}]`;
  const key = String(step);
  if (!/^[A-Za-z_$][\w$-]*$/.test(key)) return `[${JSON.stringify(key)}]`;
  return index === 0 ? key : `.${key}`;
}
