import { z } from "zod";
import type { AffinityContext, AffinitySource } from "./affinity-source.ts";
import { channelOptions, channelSource } from "./channel.ts";
import { cookieOptions, cookieSource } from "./cookie.ts";
import { headerName, headerSource } from "./header.ts";
import { ipOptions, ipSource } from "./ip.ts";
import { sniSource } from "./sni.ts";
import { tokenOptions, tokenSource } from "./token.ts";

/** One entry of a pool's `affinity`. A new source is a file, a line here and a line below. */
export const affinityEntry = z.union([
  z.strictObject({ token: tokenOptions }),
  z.strictObject({ cookie: cookieOptions }),
  z.strictObject({ header: headerName }),
  z.strictObject({ channel: channelOptions }),
  z.strictObject({ ip: ipOptions }),
  z.literal("ip"),
  z.literal("sni"),
]);

export type AffinityEntry = z.output<typeof affinityEntry>;

/** Whether a TCP connection has what the source reads. */
export function isForConnections(entry: AffinityEntry): boolean {
  return entry === "ip" || entry === "sni" || "ip" in entry;
}

/** @throws StartError when a file that the source needs can't be used */
export async function affinitySource(
  entry: AffinityEntry,
  context: AffinityContext,
): Promise<AffinitySource> {
  if (entry === "ip") return ipSource(ipOptions.parse({}));
  if (entry === "sni") return sniSource();
  if ("ip" in entry) return ipSource(entry.ip);
  if ("token" in entry) return tokenSource(entry.token, context);
  if ("cookie" in entry) return cookieSource(entry.cookie, context);
  if ("channel" in entry) return channelSource(entry.channel);
  return headerSource(entry.header);
}
