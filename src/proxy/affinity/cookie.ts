import { z } from "zod";
import { cookieValue, setCookie, signValue, verifyValue } from "../../wire/cookie.ts";
import type { EdgeRequest } from "../request.ts";
import type { AffinityContext, AffinitySource, AffinityValue } from "./affinity-source.ts";

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
  return options.insert
    ? new IssuedCookie(options.name, context)
    : new ApplicationCookie(options.name);
}

/** A cookie that the application sets for its own ends. */
class ApplicationCookie implements AffinitySource {
  readonly name: string;
  readonly #cookie: string;

  constructor(cookie: string) {
    this.name = `cookie:${cookie}`;
    this.#cookie = cookie;
  }

  find(request: EdgeRequest): AffinityValue | undefined {
    const value = cookieValue(request.headers.cookie, this.#cookie);
    return value === undefined || value === "" ? undefined : { value };
  }
}

/**
 * A random identifier, signed: a client can neither choose its place nor take another's. One whose
 * signature does not hold is given a fresh one.
 */
class IssuedCookie implements AffinitySource {
  readonly name: string;
  readonly #cookie: string;
  readonly #scope: string;
  readonly #context: AffinityContext;

  constructor(cookie: string, context: AffinityContext) {
    this.name = `cookie:${cookie}`;
    this.#cookie = cookie;
    this.#scope = `${context.pool}\0${cookie}`;
    this.#context = context;
  }

  find(request: EdgeRequest): AffinityValue {
    const { secrets, random } = this.#context;
    const sent = cookieValue(request.headers.cookie, this.#cookie);
    const known = sent === undefined ? undefined : verifyValue(sent, this.#scope, secrets);
    if (known !== undefined) return { value: known };
    const value = random.bytes(IDENTIFIER_BYTES).toString("base64url");
    const signed = signValue(value, this.#scope, secrets[0] ?? "");
    return { value, setCookie: setCookie(this.#cookie, signed, request.secure) };
  }
}
