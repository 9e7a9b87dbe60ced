import type { BackendStatus, PoolStatus } from "../../admin/pool-status.ts";
import type { BackendState } from "../../core/backend.ts";

/** From the worst: what one worker knows to be wrong is not hidden by the others. */
const STATES: readonly BackendState[] = ["draining", "down", "ejected", "starting", "up"];

/** The same pools as several workers see them, as one. */
export function mergeStatus(all: readonly PoolStatus[][]): PoolStatus[] {
  const pools = new Map<string, PoolStatus[]>();
  for (const status of all.flat()) {
    const same = pools.get(status.pool);
    if (same === undefined) pools.set(status.pool, [status]);
    else same.push(status);
  }
  return [...pools.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{ ...first, backends: mergeBackends(same) }];
  });
}

function mergeBackends(pools: readonly PoolStatus[]): BackendStatus[] {
  const merged = new Map<string, BackendStatus>();
  for (const row of pools.flatMap(({ backends }) => backends)) {
    const key = `${row.id} ${row.url}`;
    const known = merged.get(key);
    merged.set(key, known === undefined ? row : mergeRows(known, row));
  }
  return [...merged.values()];
}

function mergeRows(one: BackendStatus, other: BackendStatus): BackendStatus {
  const [worse] = STATES.filter((state) => state === one.state || state === other.state);
  const drains = [one.drain, other.drain].filter((drain) => drain !== undefined);
  const sum = {
    ...one,
    state: worse ?? one.state,
    health: [one.health, other.health].includes("unhealthy") ? "unhealthy" : one.health,
    connections: one.connections + other.connections,
    sessions: one.sessions + other.sessions,
  } as const;
  if (drains.length === 0) return sum;
  const drain = {
    closed: drains.reduce((total, { closed }) => total + closed, 0),
    left: drains.reduce((total, { left }) => total + left, 0),
    remainingMs: Math.max(...drains.map(({ remainingMs }) => remainingMs)),
  };
  return { ...sum, drain };
}
