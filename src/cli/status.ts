import type { PoolStatus } from "../admin/pool-status.ts";
import { systemClock } from "../core/clock.ts";
import { AdminClient, type AdminFlags } from "./admin-client.ts";
import { statusTable } from "./status-table.ts";

const REDRAW_MS = 500;
const CLEAR_BELOW = "\u001b[J";

export interface StatusFlags extends AdminFlags {
  readonly json: boolean;
}

/** Prints the pools of a running edge. On a terminal it stays while a backend is being emptied. */
export async function status(flags: StatusFlags): Promise<void> {
  const client = new AdminClient(flags);
  const pools = await client.pools();
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(pools)}\n`);
    return;
  }
  await follow(client, pools);
}

/** Draws again over what it has drawn, until nothing is being emptied any more. */
export async function follow(client: AdminClient, first?: PoolStatus[]): Promise<void> {
  let pools = first ?? (await client.pools());
  process.stdout.write(statusTable(pools));
  while (process.stdout.isTTY && isEmptying(pools)) {
    await new Promise<void>((resolve) => void systemClock.after(REDRAW_MS, resolve));
    const lines = statusTable(pools).split("\n").length - 1;
    pools = await client.pools();
    process.stdout.write(`\u001b[${lines}A\r${CLEAR_BELOW}${statusTable(pools)}`);
  }
}

function isEmptying(pools: readonly PoolStatus[]): boolean {
  return pools.some(({ backends }) =>
    backends.some(({ drain, connections }) => drain !== undefined && connections > 0),
  );
}
