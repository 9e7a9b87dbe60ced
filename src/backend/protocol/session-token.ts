import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";

const TOKEN = /^[A-Za-z0-9_-]{22,128}$/;
const PROTOCOL_PREFIX = "session.";
const PARAMETER = "session";

/**
 * The session that a client of `ringway.v1` names by a token of its own: `?session=TOKEN`, or
 * `session.TOKEN` beside the subprotocol. Whoever knows the token is the session, so what is kept,
 * shown and logged is a hash of it.
 *
 * @param user whose token it has to be: nobody else's session begins with it
 * @returns undefined without a token that could be one
 */
export function sessionOfToken(
  { url = "/", headers }: IncomingMessage,
  user: string | undefined,
): string | undefined {
  const query = url.slice(url.indexOf("?") + 1);
  const token = url.includes("?") ? new URLSearchParams(query).get(PARAMETER) : undefined;
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
  const beside = offered.find((each) => each.startsWith(PROTOCOL_PREFIX));
  const named = token ?? beside?.slice(PROTOCOL_PREFIX.length);
  if (named === undefined || !TOKEN.test(named)) return undefined;
  const said = JSON.stringify([named, user ?? null]);
  return createHash("sha256").update(said).digest("base64url").slice(0, 27);
}
