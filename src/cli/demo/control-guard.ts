import type { IncomingHttpHeaders } from "node:http";

const LOOPBACK_PEER = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/;
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Whether a request that came through the edge was sent by the demo's own page on this machine. Other
 * sites' pages can't send the header of ours without asking first (CORS), and nobody answers yes;
 * `Origin` says whose page it is; and a foreign name that was pointed at this machine (DNS rebinding)
 * is the same origin, but no loopback name.
 */
export function isFromOwnPage(headers: IncomingHttpHeaders): boolean {
  const { host = "", origin, "x-forwarded-for": client } = headers;
  return (
    headers["x-ringway-demo"] === "page" &&
    typeof client === "string" &&
    LOOPBACK_PEER.test(client) &&
    LOOPBACK_HOST.test(host) &&
    origin === `http://${host}`
  );
}
