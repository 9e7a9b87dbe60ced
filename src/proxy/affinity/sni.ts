import type { AffinitySource } from "./affinity-source.ts";

/** The server name of a TLS handshake at a TCP listener (RFC 6066 §3). */
export function sniSource(): AffinitySource {
  return {
    name: "sni",
    find: ({ servername }) => (servername === undefined ? undefined : { value: servername }),
  };
}
