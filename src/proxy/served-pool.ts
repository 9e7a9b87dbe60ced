import type { Policy } from "../policy/policy.ts";
import type { BackendTls } from "../upstream/dial.ts";
import type { OutlierEjection } from "../upstream/outlier-ejection.ts";
import type { Pool } from "../upstream/pool.ts";
import type { ProxyProtocolVersion } from "../wire/proxy-protocol.ts";
import type { Admission } from "./admission.ts";
import type { AffinitySource } from "./affinity/affinity-source.ts";

export interface PoolTimeouts {
  /** For finding a backend that accepts a connection, over all candidates together. */
  readonly connectMs: number;
  /** For a backend's answer to an upgrade. */
  readonly handshakeMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** Between the edge's pings to a side that is silent; Infinity when it sends none. */
  readonly keepaliveMs: number;
}

/** What one backend may have at once; Infinity where there is no limit. */
export interface BackendLimits {
  /** Tunnels, handshakes and requests together. */
  readonly connections: number;
  /** Upgrades that are not answered yet. */
  readonly pendingHandshakes: number;
}

/** How a backend's tunnels are closed when it is drained or leaves, and all at a shutdown. */
export interface DrainOptions {
  /** Spread evenly over this time. */
  readonly overMs: number;
  /** Of the WebSocket Close that clients of a drained backend get. */
  readonly closeCode: number;
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
  readonly limits: BackendLimits;
  /** Lets in as many handshakes a second as the pool may have; absent: all. */
  readonly admission: Admission | undefined;
  /** How long a newcomer takes to get its whole share; 0 for at once. */
  readonly slowStartMs: number;
  readonly outlier: OutlierEjection | undefined;
  readonly drain: DrainOptions;
  /** How backends behind TLS are spoken to. */
  readonly tls: BackendTls;
  /** What TCP backends are told of the client, if anything. */
  readonly proxyProtocol: ProxyProtocolVersion | undefined;
}
