import { z } from "zod";
import { queryValue } from "../../wire/target.ts";
import type { AffinitySource } from "./affinity-source.ts";
import { headerName, headerValue } from "./header.ts";

export const tokenOptions = z.union([
  z.strictObject({ query: z.string().min(1) }),
  z.strictObject({ header: headerName }),
]);

/** The application's session token. Wherever a request carries it, it is the same session. */
export function tokenSource(options: z.output<typeof tokenOptions>): AffinitySource {
  if ("header" in options) {
    const { header } = options;
    return { name: "token", find: (request) => headerValue(request, header) };
  }
  return {
    name: "token",
    find(request) {
      const value = queryValue(request.target.query, options.query);
      return value === undefined || value === "" ? undefined : { value };
    },
  };
}
