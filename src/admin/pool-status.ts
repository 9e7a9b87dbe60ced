import type { BackendState } from "../core/backend.ts";
import type { Drains } from "../proxy/drains.ts";
import type { ClosingProgress } from "../proxy/even-closing.ts";
import type { ServedPool } from "../proxy/served-pool.ts";
import type { Health, LiveBackend } from "../upstream/backend.ts";

/** A row of `/api/pools`. */
export interface PoolStatus {
  readonly pool: string;
  readonly policy: string;
  readonly backends: readonly BackendStatus[];
}

export interface BackendStatus {
  readonly id: string;
  readonly url: string;
  readonly state: BackendState;
  readonly connections: number;
  /** Distinct sessions with something open now. */
  readonly sessions: number;
  readonly weight: number;
  readonly health: Health;
  /** While it is drained: tunnels that were closed, are left, and the time until all are. */
  readonly drain?: ClosingProgress;
}

/** Those that have left the pool are among them for as long as they have tunnels. */
export function poolStatus(served: ServedPool, drains: Drains, nowMs: number): PoolStatus {
  const { pool, policyName: policy, slowStartMs } = served;
  const backends = [...pool.backends, ...pool.leaving].map((backend): BackendStatus => {
    // A slow start ends when somebody looks.
    backend.shareAt(nowMs, slowStartMs);
    return statusOf(backend, drains.progressOf(backend));
  });
  return { pool: pool.name, policy, backends };
}

function statusOf(backend: LiveBackend, drain: ClosingProgress | undefined): BackendStatus {
  const { id, url, state, connections, sessions, weight, health } = backend;
  const row = { id, url, state, connections, sessions, weight, health };
  return drain === undefined ? row : { ...row, drain };
}
