import { z } from "zod";
import type { EdgeRequest } from "../request.ts";
import type { AffinitySource, AffinityValue } from "./affinity-source.ts";

/** A header's name: a token (RFC 9110 §5.6.2), compared in lower case. */
export const headerName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, "must be a header name, such as x-user-id")
  .toLowerCase();

export function headerSource(name: string): AffinitySource {
  return { name: `header:${name}`, find: (request) => headerValue(request, name) };
}

export function headerValue(request: EdgeRequest, name: string): AffinityValue | undefined {
  const found = request.headers[name];
  const value = Array.isArray(found) ? found[0] : found;
  return value === undefined || value === "" ? undefined : { value };
}
