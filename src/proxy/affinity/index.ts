import { z } from "zod";
import type { AffinityContext, AffinitySource } from "./affinity-source.ts";
import { cookieOptions, cookieSource } from "./cookie.ts";
import { headerName, headerSource } from "./header.ts";
import { ipSource } from "./ip.ts";
import { tokenOptions, tokenSource } from "./token.ts";

/** One entry of a pool's `affinity`. A new source is a file, a line here and a line below. */
export const affinityEntry = z.union([
  z.strictObject({ token: tokenOptions }),
  z.strictObject({ cookie: cookieOptions }),
  z.strictObject({ header: headerName }),
  z.literal("ip"),
]);

export type AffinityEntry = z.output<typeof affinityEntry>;

export function affinitySource(entry: AffinityEntry, context: AffinityContext): AffinitySource {
  if (entry === "ip") return ipSource();
  if ("token" in entry) return tokenSource(entry.token);
  if ("cookie" in entry) return cookieSource(entry.cookie, context);
  return headerSource(entry.header);
}
