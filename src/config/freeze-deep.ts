/** Freezes plain objects and arrays, all the way down. What a class made keeps its own rules. */
export function freezeDeep<T>(value: T): T {
  freeze(value, new Set());
  return value;
}

/** @param seen an object that is frozen already may still hold some that are not */
function freeze(value: unknown, seen: Set<unknown>): void {
  if (!isPlain(value) || seen.has(value)) return;
  seen.add(value);
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner, seen);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
