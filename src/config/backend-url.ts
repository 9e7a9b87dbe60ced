import { z } from "zod";
import type { BackendAddress } from "../core/backend.ts";

export interface BackendUrl {
  /** As it was written, without a trailing slash. */
  readonly url: string;
  readonly address: BackendAddress;
}

const defaultPorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** `http://host:port`, `https://host:port` or `unix:/path`. Paths stay as the client sends them. */
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
    return { url: text, address: { kind: "unix", path: text.slice("unix:".length) } };
  }
  if (!URL.canParse(text)) return `must be a URL such as http://127.0.0.1:9001, not "${text}"`;
  const url = new URL(text);
  const defaultPort = defaultPorts[url.protocol];
  if (defaultPort === undefined) {
    return `must begin with http:// or https:// (WebSockets too), or unix:/, not ${url.protocol}`;
  }
  if (url.username !== "" || url.password !== "") return "must not hold a user name or password";
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return "must end after the port: the client's own path is sent on";
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? defaultPort : Number(url.port);
  return {
    url: url.origin,
    address: { kind: "tcp", host, port, tls: url.protocol === "https:" },
  };
}
