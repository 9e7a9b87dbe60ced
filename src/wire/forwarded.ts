import { isIPv6 } from "node:net";
import type { RawHeaders } from "./headers.ts";

/** Names that the edge writes itself; what a client sends under them is dropped. */
const owned: ReadonlySet<string> = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-request-id",
  "ringway-session",
]);

/**
 * Spelt with underscores too: CGI and its heirs (WSGI, PHP) can't tell `Ringway_Session` from
 * `Ringway-Session` (RFC 3875 §4.1.18).
 *
 * @param name in lower case
 */
export function isForwardingHeader(name: string): boolean {
  const spelt = name.includes("_") ? name.replaceAll("_", "-") : name;
  return owned.has(spelt) || spelt.startsWith("ringway-");
}

/** What is known of a request's way so far. */
export interface RequestPath {
  /** Address of the peer that opened the connection. */
  readonly peer: string;
  readonly secure: boolean;
  readonly host: string | undefined;
  readonly requestId: string;
  /** The session that affinity found, if any. */
  readonly session: string | undefined;
  /** What a trusted proxy in front said; empty for everybody else. */
  readonly before: {
    readonly forwardedFor?: string | undefined;
    readonly forwardedProto?: string | undefined;
    readonly forwardedHost?: string | undefined;
    readonly forwarded?: string | undefined;
  };
}

/** The headers that tell a backend where a request came from (RFC 7239 and its X- forerunners). */
export function forwardingHeaders(path: RequestPath): RawHeaders {
  const { before } = path;
  const proto = before.forwardedProto ?? (path.secure ? "https" : "http");
  const host = before.forwardedHost ?? path.host;
  const element = [`for=${forwardedNode(path.peer)}`, `proto=${path.secure ? "https" : "http"}`];
  if (path.host !== undefined) element.push(`host=${quoted(path.host)}`);
  const headers = [
    "X-Forwarded-For",
    appended(before.forwardedFor, path.peer),
    "X-Forwarded-Proto",
    proto,
    "Forwarded",
    appended(before.forwarded, element.join(";")),
    "X-Request-Id",
    path.requestId,
  ];
  if (host !== undefined) headers.push("X-Forwarded-Host", host);
  if (path.session !== undefined) headers.push("Ringway-Session", path.session);
  return headers;
}

/**
 * The client behind trusted proxies: the last address of `X-Forwarded-For` that is not one of
 * them. What stands left of it can be made up by anyone.
 *
 * @param peer the address that connected, itself trusted
 */
export function clientBehind(
  peer: string,
  forwardedFor: string | undefined,
  isTrusted: (address: string) => boolean,
): string {
  const hops = (forwardedFor ?? "").split(",").map((hop) => withoutPort(hop.trim()));
  let client = peer;
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = hops[i] ?? "";
    if (hop === "") break;
    client = hop;
    if (!isTrusted(hop)) break;
  }
  return client;
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const match = /^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/.exec(hop);
  return plainAddress(match?.[1] ?? match?.[2] ?? hop);
}

/** IPv4 addresses also appear as `::ffff:192.0.2.1` (RFC 4291 §2.5.5.2). */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

function appended(before: string | undefined, value: string): string {
  return before === undefined || before === "" ? value : `${before}, ${value}`;
}

/** IPv6 addresses are bracketed and quoted (RFC 7239 §6); a Unix socket's peer has none (§6.3). */
function forwardedNode(address: string): string {
  if (address === "") return "unknown";
  return isIPv6(address) ? `"[${address}]"` : address;
}

/** A token as it is, all else as a quoted string (RFC 7239 §4). */
function quoted(value: string): string {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value)) return value;
  return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}
