import type { AffinitySource } from "./affinity-source.ts";

/** The client's address: IP hash. */
export function ipSource(): AffinitySource {
  return { name: "ip", find: (request) => ({ value: request.clientIp }) };
}
