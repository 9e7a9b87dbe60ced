import { z } from "zod";
import { networkOf } from "../../wire/network.ts";
import type { AffinitySource } from "./affinity-source.ts";

export const ipOptions = z.strictObject({
  /** Bits of an address that count. */
  v4: z.number().int().min(1).max(32).default(32),
  /** A household has a /64 and changes addresses in it all the time (RFC 8981). */
  v6: z.number().int().min(1).max(128).default(64),
});

/** The client's address, or the network that it is in: IP hash. */
export function ipSource(options: z.output<typeof ipOptions>): AffinitySource {
  return {
    name: "ip",
    find: ({ clientIp }) => (clientIp === "" ? undefined : { value: networkOf(clientIp, options) }),
  };
}
