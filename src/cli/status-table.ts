import type { BackendStatus, PoolStatus } from "../admin/pool-status.ts";

const BAR_WIDTH = 20;
const HEAD = ["BACKEND", "STATE", "CONNECTIONS", "SESSIONS", "WEIGHT", "HEALTH", ""];

/** The pools as a table for people, one line a backend. */
export function statusTable(pools: readonly PoolStatus[]): string {
  return pools
    .map(({ pool, policy, backends }) => {
      const rows = [HEAD, ...backends.map(rowOf)];
      const widths = HEAD.map((_, column) =>
        Math.max(...rows.map((row) => row[column]?.length ?? 0)),
      );
      const lines = rows.map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd(),
      );
      return `pool ${pool} (${policy})\n${lines.map((line) => `  ${line}\n`).join("")}`;
    })
    .join("\n");
}

function rowOf(backend: BackendStatus): string[] {
  const { id, state, connections, sessions, weight, health, drain } = backend;
  const numbers = [connections, sessions, weight].map(String);
  return [id, state, ...numbers, health, drain === undefined ? "" : progressOf(drain)];
}

/** `[########------------] 40 %, 18 s left`. */
function progressOf({ closed, left, remainingMs }: NonNullable<BackendStatus["drain"]>): string {
  const total = closed + left;
  const share = total === 0 ? 1 : closed / total;
  const full = Math.round(share * BAR_WIDTH);
  const bar = "#".repeat(full).padEnd(BAR_WIDTH, "-");
  const rest = left === 0 ? "empty" : `${left} left, ${Math.ceil(remainingMs / 1000)} s`;
  return `[${bar}] ${Math.floor(share * 100)} %, ${rest}`;
}
