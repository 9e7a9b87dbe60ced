import { z } from "zod";
import { offeredProtocols } from "../../wire/upgrade.ts";
import { queryValue } from "../../wire/target.ts";
import type { EdgeRequest } from "../request.ts";
import {
  requestSource,
  type AffinityContext,
  type AffinityFinding,
  type AffinitySource,
} from "./affinity-source.ts";
import { headerName, headerValue } from "./header.ts";
import { claimText, readClaims, TokenVerifier } from "./token-verifier.ts";
import { verifyOptions } from "./verification-key.ts";

/** What an entry of `Sec-WebSocket-Protocol` begins with: browsers can set no other header. */
const protocolPrefix = z
  .string()
  .regex(
    /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/,
    'must be the beginning of a subprotocol, such as "session."',
  );

const claim = z.strictObject({
  /** The token is a JSON Web Token (RFC 7519), and this claim names the session. */
  jwtClaim: z.string().min(1).optional(),
  /** Absent: the claim is believed as it stands, since a backend will check the token. */
  verify: verifyOptions.optional(),
});

export const tokenOptions = z
  .union([
    claim.extend({ query: z.string().min(1) }),
    claim.extend({ header: headerName }),
    claim.extend({ subprotocol: protocolPrefix }),
  ])
  .refine(({ jwtClaim, verify }) => verify === undefined || jwtClaim !== undefined, {
    error: "can be verified only with a jwtClaim, such as sub",
    path: ["verify"],
  });

type TokenOptions = z.output<typeof tokenOptions>;

/**
 * The application's session token. Wherever a request carries it, it is the same session.
 *
 * @throws StartError when a key to verify tokens with can't be read
 */
export async function tokenSource(
  options: TokenOptions,
  context: AffinityContext,
): Promise<AffinitySource> {
  const read = reader(options);
  const { jwtClaim, verify } = options;
  if (jwtClaim === undefined) {
    return requestSource("token", (request) => {
      const value = read(request);
      return value === undefined ? undefined : { value };
    });
  }
  const name = `jwt:${jwtClaim}`;
  const verifier = verify === undefined ? undefined : await TokenVerifier.load(verify, context);
  const source = requestSource(name, (request) => {
    const token = bare(read(request));
    return token === undefined ? undefined : claimOf(token, jwtClaim, verifier);
  });
  return { ...source, close: () => verifier?.[Symbol.dispose]() };
}

function claimOf(
  token: string,
  claim: string,
  verifier: TokenVerifier | undefined,
): AffinityFinding | Promise<AffinityFinding> {
  const found = (claims: Readonly<Record<string, unknown>> | undefined): AffinityFinding => {
    if (claims === undefined) return verifier === undefined ? undefined : "token_rejected";
    const value = claimText(claims, claim);
    return value === undefined ? undefined : { value };
  };
  if (verifier === undefined) return found(readClaims(token));
  const claims = verifier.verify(token);
  return claims instanceof Promise ? claims.then(found) : found(claims);
}

function reader(options: TokenOptions): (request: EdgeRequest) => string | undefined {
  if ("header" in options) return (request) => headerValue(request, options.header);
  if ("query" in options) {
    return (request) => {
      const value = queryValue(request.target.query, options.query);
      return value === "" ? undefined : value;
    };
  }
  const { subprotocol } = options;
  return (request) =>
    offeredProtocols(request.rawHeaders)
      .find((entry) => entry.length > subprotocol.length && entry.startsWith(subprotocol))
      ?.slice(subprotocol.length);
}

/** In an `Authorization` field a token stands behind its scheme (RFC 6750 §2.1). */
function bare(token: string | undefined): string | undefined {
  return token?.replace(/^bearer +/i, "");
}
