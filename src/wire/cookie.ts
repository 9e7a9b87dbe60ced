import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * The value of one cookie of a `Cookie` field (RFC 6265 §4.2), without parsing the others.
 * The first wins when there are several: browsers send the most specific path first (§5.4).
 */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  let at = header.indexOf(name);
  while (at !== -1) {
    if (startsPair(header, at) && header.charCodeAt(at + name.length) === 0x3d) {
      const end = header.indexOf(";", at);
      const value = header.slice(at + name.length + 1, end === -1 ? undefined : end).trim();
      return value.startsWith('"') && value.endsWith('"') && value.length > 1
        ? value.slice(1, -1)
        : value;
    }
    at = header.indexOf(name, at + 1);
  }
  return undefined;
}

/** Whether nothing but blanks lies between the place and the semicolon, or start, before it. */
function startsPair(header: string, at: number): boolean {
  let before = at - 1;
  while (header.charCodeAt(before) === 0x20 || header.charCodeAt(before) === 0x09) before--;
  return before < 0 || header.charCodeAt(before) === 0x3b;
}

/** A value with its signature, as `value.signature`. The scope keeps it from being used elsewhere. */
export function signValue(value: string, scope: string, secret: string): string {
  return `${value}.${signature(value, scope, secret).toString("base64url")}`;
}

/**
 * @param secrets the first signs; all of them are accepted, so that secrets can be rotated
 * @returns the value, or undefined when no secret made this signature
 */
export function verifyValue(
  signed: string,
  scope: string,
  secrets: readonly string[],
): string | undefined {
  const dot = signed.lastIndexOf(".");
  if (dot <= 0) return undefined;
  const value = signed.slice(0, dot);
  const given = Buffer.from(signed.slice(dot + 1), "base64url");
  for (const secret of secrets) {
    const expected = signature(value, scope, secret);
    // The strings are compared as well: base64url has several spellings of the same bytes.
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) continue;
    if (signed === `${value}.${expected.toString("base64url")}`) return value;
  }
  return undefined;
}

/** `HttpOnly`, `SameSite=Lax` and, under TLS, `Secure` (RFC 6265bis §4.1.2); ends with the browser. */
export function setCookie(name: string, value: string, secure: boolean): string {
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
}

function signature(value: string, scope: string, secret: string): Buffer {
  // 16 bytes of HMAC-SHA-256 are as hard to guess as the identifier that they sign.
  return createHmac("sha256", secret).update(`cookie\0${scope}\0${value}`).digest().subarray(0, 16);
}
