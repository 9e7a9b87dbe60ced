import type { SecureContextOptions } from "node:tls";
import type { Policy } from "../policy/policy.ts";
import type { Pool } from "../upstream/pool.ts";
import type { AffinitySource } from "./affinity/affinity-source.ts";

export interface PoolTimeouts {
  /** For finding a backend that accepts a connection, over all candidates together. */
  readonly connectMs: number;
  /** For a backend's answer to an upgrade. */
  readonly handshakeMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
}

/** A pool with all that a request needs on its way through it. */
export interface ServedPool {
  readonly pool: Pool;
  /** As the configuration names it. */
  readonly policyName: string;
  readonly policy: Policy;
  readonly affinity: readonly AffinitySource[];
  /** Keys the hash that makes session ids. */
  readonly secret: string;
  readonly timeouts: PoolTimeouts;
  readonly maxMessageBytes: number;
  /** Over how long a shutdown spreads the closing of this pool's tunnels. */
  readonly drainMs: number;
  /** How `https` backends are verified. */
  readonly tls: Pick<SecureContextOptions, "ca">;
}
