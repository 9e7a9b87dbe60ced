import { isIP, isIPv4, isIPv6 } from "node:net";
import type { SocketAddress } from "../core/listen.ts";
import { showValue } from "./wording.ts";

/** Or what to write instead; it reads on from the name of the value. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

export const NEEDS_HOST =
  'needs a host: write "0.0.0.0:8080" for every address, "127.0.0.1:8080" for this machine only';

/** @param text `host:port`, `[ipv6]:port` or `unix:/path`; port 0 lets the system choose one */
export function parseSocketAddress(text: string): Parsed<SocketAddress> {
  if (text.startsWith("unix:")) return parseUnixPath(text);
  const match = /^(?:\[(?<bracketed>[^\]]*)\]|(?<bare>[^:[\]]*)):(?<port>[^:]*)$/.exec(text);
  if (match?.groups === undefined) return { problem: describeShape(text) };
  const { bracketed, bare = "", port = "" } = match.groups;
  const host = bracketed ?? bare;
  if (host === "" || host === "*") return { problem: NEEDS_HOST };
  if (bracketed === undefined ? !isHost(host) : !isIPv6(host)) {
    const kind = bracketed === undefined ? "an address or a host name" : "an IPv6 address";
    return { problem: `must have ${kind} before its port, not ${showValue(host)}` };
  }
  if (!/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535) {
    return { problem: `must end in a port from 0 to 65535, not ${showValue(port)}` };
  }
  return { value: { host, port: Number(port) } };
}

/** @param text an IPv4 or IPv6 address, alone or with a prefix length: `10.0.0.0/8` */
export function parseCidr(text: string): Parsed<string> {
  const [address = "", prefix, ...more] = text.split("/");
  // Zones name an interface of one machine: a block list knows none.
  const family = address.includes("%") ? 0 : isIP(address);
  if (family === 0 || more.length > 0) {
    const examples = '"10.0.0.0/8", "192.0.2.1" or "fd00::/8"';
    return {
      problem: `must be an IP address or block such as ${examples}, not ${showValue(text)}`,
    };
  }
  const longest = family === 6 ? 128 : 32;
  if (prefix === undefined) return { value: text };
  if (/^(?:0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= longest) return { value: text };
  const range = `from /0 to /${String(longest)}`;
  return { problem: `must end in a prefix length ${range}, not ${showValue(`/${prefix}`)}` };
}

function parseUnixPath(text: string): Parsed<SocketAddress> {
  const path = text.slice("unix:".length);
  if (/^\/.*[^/]$/s.test(path) && !/\p{Cc}/u.test(path)) return { value: { path } };
  return { problem: `must be an absolute path: "unix:/run/ringway.sock", not ${showValue(text)}` };
}

/** The parts could not be told apart. */
function describeShape(text: string): string {
  if (/^\d+$/.test(text)) return NEEDS_HOST;
  if (text.includes("://")) return `must be "host:port" without a scheme, not ${showValue(text)}`;
  if (isIPv6(text) || /^[0-9a-f:.]*:[0-9a-f:.]*:\d+$/i.test(text)) {
    return `must have its IPv6 address in brackets, "[::1]:8080", not ${showValue(text)}`;
  }
  const examples = '"127.0.0.1:8080", "[::1]:8080" or "unix:/run/ringway.sock"';
  return `must be "host:port", such as ${examples}, not ${showValue(text)}`;
}

/** A last label of digits only is an IPv4 address gone wrong, as browsers see it too. */
function isHost(host: string): boolean {
  if (isIPv4(host)) return true;
  const label = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
  return host.length <= 253 && new RegExp(`^(?:${label}\\.)*(?!\\d+$)${label}$`).test(host);
}
