/** Header names and values in order, as Node.js's `rawHeaders`: name, value, name, value, … */
export type RawHeaders = readonly string[];

/** Fields that mean one connection and are never forwarded (RFC 9110 §7.6.1, RFC 2616 §13.5.1). */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** @param name in lower case */
export function isHopByHop(name: string): boolean {
  return hopByHop.has(name);
}

/** The members of a comma-separated field, trimmed, in lower case, empty ones dropped. */
export function listMembers(value: string | undefined): string[] {
  if (value === undefined) return [];
  return value
    .split(",")
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== "");
}

/** All values of one field, in order. @param name in lower case */
export function valuesOf(headers: RawHeaders, name: string): string[] {
  const found: string[] = [];
  for (const [key, value] of eachHeader(headers)) {
    if (key.toLowerCase() === name) found.push(value);
  }
  return found;
}

/** Name and value pairs of a raw list. */
export function* eachHeader(headers: RawHeaders): Generator<readonly [string, string]> {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    yield [headers[i] ?? "", headers[i + 1] ?? ""];
  }
}
