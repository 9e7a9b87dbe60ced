import { z } from "zod";
import { cookieValue, setCookie, signValue, verifyValue } from "../../wire/cookie.ts";
import { requestSource, type AffinityContext, type AffinitySource } from "./affinity-source.ts";

const IDENTIFIER_BYTES = 16;

export const cookieOptions = z.strictObject({
  /** A cookie name is a token (RFC 6265 §4.1.1). */
  name: z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, "must be a cookie name, such as sid"),
  /** True: the edge issues a signed cookie. False: the application's own cookie is read. */
  insert: z.boolean().default(false),
});

export function cookieSource(
  options: z.output<typeof cookieOptions>,
  context: AffinityContext,
): AffinitySource {
  return options.insert ? issuedCookie(options.name, context) : applicationCookie(options.name);
}

/** A cookie that the application sets for its own ends. */
function applicationCookie(cookie: string): AffinitySource {
  return requestSource(`cookie:${cookie}`, (request) => {
    const value = cookieValue(request.headers.cookie, cookie);
    return value === undefined || value === "" ? undefined : { value };
  });
}

/**
 * A random identifier, signed: a client can neither choose its place nor take another's. One whose
 * signature does not hold is given a fresh one; one that an older secret signed keeps its value and
 * is signed anew, so that the older secret can be retired.
 */
function issuedCookie(cookie: string, context: AffinityContext): AffinitySource {
  const { secrets, random } = context;
  const [newest = "", ...older] = secrets;
  const scope = `${context.pool}\0${cookie}`;
  return requestSource(`cookie:${cookie}`, (request) => {
    const issue = (value: string) => {
      const signed = signValue(value, scope, newest);
      return { value, setCookie: setCookie(cookie, signed, request.secure) };
    };
    const sent = cookieValue(request.headers.cookie, cookie);
    if (sent !== undefined) {
      const known = verifyValue(sent, scope, [newest]);
      if (known !== undefined) return { value: known };
      const retiring = verifyValue(sent, scope, older);
      if (retiring !== undefined) return issue(retiring);
    }
    return issue(random.bytes(IDENTIFIER_BYTES).toString("base64url"));
  });
}
