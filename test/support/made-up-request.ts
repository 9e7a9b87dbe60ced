import type { IncomingHttpHeaders } from "node:http";
import type { Random } from "../../src/core/random.ts";
import { readRequest, type EdgeRequest, type RequestHead } from "../../src/proxy/request.ts";
import { TrustedProxies } from "../../src/proxy/trusted-proxies.ts";

export interface MadeUpRequest {
  readonly url?: string;
  readonly method?: string;
  /** Names and values in order; a name may come twice. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly peer?: string;
  readonly secure?: boolean;
  /** Addresses and CIDR blocks of trusted proxies. */
  readonly trusted?: readonly string[];
}

/** The head of a request that nobody sent, its `headers` made of the raw ones as Node.js does. */
export function madeUpHead({
  url = "/",
  method = "GET",
  headers = [],
}: MadeUpRequest): RequestHead {
  const parsed: IncomingHttpHeaders = {};
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const before = parsed[lower];
    if (before === undefined) parsed[lower] = value;
    else if (lower !== "host")
      parsed[lower] = `${String(before)}${lower === "cookie" ? ";" : ","} ${value}`;
  }
  return { url, method, headers: parsed, rawHeaders: headers.flat() };
}

/** A request as routing and affinity see it. */
export function madeUpRequest(
  made: MadeUpRequest = {},
  random: Random = countingRandom(),
): EdgeRequest {
  const { peer = "192.0.2.1", secure = false, trusted = [] } = made;
  const arrival = { peer, secure, trustedProxies: new TrustedProxies(trusted) };
  const request = readRequest(madeUpHead(made), arrival, random);
  if (request === undefined) throw new Error(`malformed target: ${made.url ?? ""}`);
  return request;
}

/** Chance without surprise: counts 1, 2, 3, … */
export function countingRandom(): Random {
  let count = 0;
  return {
    bytes: (length) => Buffer.alloc(length, ++count),
    uuid: () => `uuid-${++count}`,
    fraction: () => 0.5,
  };
}
