/** The request target of an HTTP request, taken apart (RFC 9112 §3.2). */
export interface RequestTarget {
  /** Path and query as they are sent on: the origin form. */
  readonly origin: string;
  /** The path that routes are matched against: dot segments resolved, without the query. */
  readonly path: string;
  /** The query without its question mark; empty when there is none. */
  readonly query: string;
  /** The authority of an absolute form, which overrides `Host` (RFC 9112 §3.2.2). */
  readonly authority: string | undefined;
}

/**
 * @param target the target as it stands in the request line
 * @returns undefined when it is neither an origin nor an http(s) absolute form
 */
export function parseTarget(target: string): RequestTarget | undefined {
  if (target.includes("#")) return undefined; // a fragment is none of a target's parts
  if (target.startsWith("/")) return split(target, undefined);
  const absolute = /^https?:\/\/([^/?#]+)([^#]*)$/i.exec(target);
  // User information in a request is an error, often an attempt to deceive (RFC 9110 §4.2.4).
  if (absolute === null || absolute[1]?.includes("@")) return undefined;
  const rest = absolute[2] ?? "";
  return split(rest.startsWith("/") ? rest : `/${rest}`, absolute[1]);
}

/** The first value of a query parameter, decoded (WHATWG URL, urlencoded parsing). */
export function queryValue(query: string, name: string): string | undefined {
  if (query === "") return undefined;
  return new URLSearchParams(query).get(name) ?? undefined;
}

function split(origin: string, authority: string | undefined): RequestTarget {
  const mark = origin.indexOf("?");
  const path = mark === -1 ? origin : origin.slice(0, mark);
  return {
    origin,
    path: resolved(path),
    query: mark === -1 ? "" : origin.slice(mark + 1),
    authority,
  };
}

/**
 * A backend may resolve `..`, merge slashes and decode what need not be encoded (RFC 3986 §6.2.2),
 * so a route has to see what it would see. Decoded once: what looks like an escape after that is none.
 */
function resolved(path: string): string {
  if (!/[%\\]|\/\.|\/\//.test(path)) return path;
  const decoded = path.replaceAll(/%([0-9A-Fa-f]{2})/g, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : escape;
  });
  const slashed = decoded.replaceAll("\\", "/").replaceAll(/\/{2,}/g, "/");
  return withoutDots(slashed.split("/")).join("/");
}

/** RFC 3986 §5.2.4, on the segments of a path that begins with a slash. */
function withoutDots(segments: readonly string[]): string[] {
  const kept: string[] = [];
  for (const [i, segment] of segments.entries()) {
    if (segment !== "." && segment !== "..") {
      kept.push(segment);
      continue;
    }
    if (segment === ".." && kept.length > 1) kept.pop();
    if (i === segments.length - 1) kept.push("");
  }
  return kept;
}
