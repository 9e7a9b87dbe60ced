import type { Policy } from "../policy/policy.ts";
import type { BackendTls } from "../upstream/dial.ts";
import type { Pool } from "../upstream/pool.ts";
import type { ProxyProtocolVersion } from "../wire/proxy-protocol.ts";
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
  /** Places sessions while their store is away. */
  readonly fallbackPolicy: Policy;
  readonly affinity: readonly AffinitySource[];
  /** Keys the hash that makes session ids. */
  readonly sessionKey: string;
  readonly timeouts: PoolTimeouts;
  readonly maxMessageBytes: number;
  /** Over how long a shutdown spreads the closing of this pool's tunnels. */
  readonly drainMs: number;
  /** How backends behind TLS are spoken to. */
  readonly tls: BackendTls;
  /** What TCP backends are told of the client, if anything. */
  readonly proxyProtocol: ProxyProtocolVersion | undefined;
}
