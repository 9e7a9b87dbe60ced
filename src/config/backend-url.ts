import { z } from "zod";
import type { BackendAddress } from "../core/backend.ts";

export interface BackendUrl {
  /** As it was written, without a trailing slash. */
  readonly url: string;
  readonly address: BackendAddress;
  /** Which listeners may lead to it; a Unix socket says nothing of it. */
  readonly mode: "http" | "tcp" | "any";
}

const schemes: Readonly<Record<string, Scheme>> = {
  "http:": { mode: "http", tls: false, defaultPort: 80 },
  "https:": { mode: "http", tls: true, defaultPort: 443 },
  "tcp:": { mode: "tcp", tls: false },
  "tls:": { mode: "tcp", tls: true },
};

interface Scheme extends Pick<BackendUrl, "mode"> {
  readonly tls: boolean;
  readonly defaultPort?: number;
}

/**
 * `http://host:port` or `https://…`, `tcp://…` or `tls://…` behind TCP listeners, or `unix:/path`.
 * Paths stay as the client sends them.
 */
export const backendUrl = z.codec(z.string(), z.custom<BackendUrl>(), {
  decode(text, context) {
    const parsed = parseBackendUrl(text);
    if (typeof parsed !== "string") return parsed;
    context.issues.push({ code: "custom", message: parsed, input: text });
    return z.NEVER;
  },
  encode: ({ url }) => url,
});

/** @returns the address, or what is wrong with the text */
function parseBackendUrl(text: string): BackendUrl | string {
  if (text.startsWith("unix:/")) {
    const path = text.slice("unix:".length);
    return { url: text, address: { kind: "unix", path }, mode: "any" };
  }
  if (!URL.canParse(text)) return `must be a URL such as http://127.0.0.1:9001, not "${text}"`;
  const url = new URL(text);
  const scheme = schemes[url.protocol];
  if (scheme === undefined) {
    return `must begin with http:// or https:// (WebSockets too), tcp:// or tls:// behind a TCP listener, or unix:/, not ${url.protocol}`;
  }
  if (url.username !== "" || url.password !== "") return "must not hold a user name or password";
  if (!["/", ""].includes(url.pathname) || url.search !== "" || url.hash !== "") {
    return "must end after the port: the client's own path is sent on";
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? scheme.defaultPort : Number(url.port);
  if (host === "" || port === undefined)
    return `needs a host and a port: ${url.protocol}//HOST:PORT`;
  return {
    url: `${url.protocol}//${url.host}`,
    address: { kind: "tcp", host, port, tls: scheme.tls },
    mode: scheme.mode,
  };
}
