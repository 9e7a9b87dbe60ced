import { z } from "zod";
import type { EdgeRequest } from "../request.ts";
import { requestSource, type AffinitySource } from "./affinity-source.ts";

/** A header's name: a token (RFC 9110 §5.6.2), compared in lower case. */
export const headerName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, "must be a header name, such as x-user-id")
  .toLowerCase();

export function headerSource(name: string): AffinitySource {
  return requestSource(`header:${name}`, (request) => {
    const value = headerValue(request, name);
    return value === undefined ? undefined : { value };
  });
}

/** The first value of a header; undefined when it is absent or empty. */
export function headerValue(request: EdgeRequest, name: string): string | undefined {
  const found = request.headers[name];
  const value = Array.isArray(found) ? found[0] : found;
  return value === "" ? undefined : value;
}
