import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import type { Random } from "../core/random.ts";
import { clientBehind, plainAddress, type RequestPath } from "../wire/forwarded.ts";
import { valuesOf, type RawHeaders } from "../wire/headers.ts";
import { parseTarget, type RequestTarget } from "../wire/target.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

/** The parts of a request's head that Node.js's `IncomingMessage` has, and a made-up one can have. */
export interface RequestHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: RawHeaders;
}

/** What the listener knows of a connection. */
export interface Arrival {
  readonly peer: string;
  readonly secure: boolean;
  readonly trustedProxies: TrustedProxies;
}

/** A request as routing and affinity see it: read once, trusted after. */
export interface EdgeRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: RawHeaders;
  readonly target: RequestTarget;
  /** Without port, in lower case. */
  readonly hostname: string | undefined;
  /** The client's address: the peer, or whom a trusted proxy names. */
  readonly clientIp: string;
  /** Whether the client's own leg is encrypted. */
  readonly secure: boolean;
  /** The way so far, but for the session, which is found later. */
  readonly path: Omit<RequestPath, "session">;
}

/** @returns undefined when the request target is malformed, or there are several Host fields */
export function readRequest(
  head: RequestHead,
  arrival: Arrival,
  random: Random,
): EdgeRequest | undefined {
  const target = parseTarget(head.url ?? "");
  // RFC 9112 §3.2: of two hosts, the next hop might believe the other.
  if (target === undefined || valuesOf(head.rawHeaders, "host").length > 1) return undefined;
  const peer = plainAddress(arrival.peer);
  const trusted = arrival.trustedProxies.has(peer);
  const before = trusted ? forwardedBefore(head.headers) : {};
  const host = target.authority ?? head.headers.host;
  const client = trusted
    ? clientBehind(peer, before.forwardedFor, (hop) => arrival.trustedProxies.has(hop))
    : peer;
  return {
    method: head.method ?? "GET",
    headers: head.headers,
    rawHeaders: head.rawHeaders,
    target,
    hostname: host === undefined ? undefined : hostnameOf(host),
    clientIp: isIP(client) === 0 ? peer : client,
    secure: arrival.secure || isHttps(before.forwardedProto),
    path: {
      peer,
      secure: arrival.secure,
      host,
      requestId: (trusted ? keptRequestId(head.headers) : undefined) ?? random.uuid(),
      before,
    },
  };
}

function forwardedBefore(headers: IncomingHttpHeaders): RequestPath["before"] {
  return {
    forwardedFor: single(headers["x-forwarded-for"]),
    forwardedProto: single(headers["x-forwarded-proto"]),
    forwardedHost: single(headers["x-forwarded-host"]),
    forwarded: headers.forwarded,
  };
}

function keptRequestId(headers: IncomingHttpHeaders): string | undefined {
  const id = single(headers["x-request-id"]);
  return id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id) ? id : undefined;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}

/** The last of several is what the trusted proxy itself has seen. */
function isHttps(forwardedProto: string | undefined): boolean {
  return forwardedProto?.split(",").at(-1)?.trim().toLowerCase() === "https";
}

/** Without the port, and without the dot that ends an absolute name. */
function hostnameOf(host: string): string {
  return host.replace(/\.?(?::\d*)?$/, "").toLowerCase();
}
