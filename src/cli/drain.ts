import type { PoolStatus } from "../admin/pool-status.ts";
import { systemClock } from "../core/clock.ts";
import { StartError } from "../core/errors.ts";
import { AdminClient, type AdminFlags } from "./admin-client.ts";
import { follow } from "./status.ts";

const LOOK_MS = 200;

export interface DrainFlags extends AdminFlags {
  readonly pool?: string;
  /** Return only when the backend has no connection any more. */
  readonly wait?: boolean;
}

/** Empties a backend of a running edge, or lets it take sessions again. */
export async function drain(
  verb: "drain" | "undrain",
  backend: string,
  flags: DrainFlags,
): Promise<void> {
  const client = new AdminClient(flags);
  const pool = flags.pool ?? poolOf(backend, await client.pools());
  await client.act(verb, pool, backend);
  if (verb === "undrain") {
    process.stdout.write(`${backend} in pool ${pool} takes sessions again\n`);
    return;
  }
  process.stdout.write(`${backend} in pool ${pool} is being emptied\n`);
  if (flags.wait !== true) return;
  if (process.stdout.isTTY) await follow(client);
  else await emptied(client, pool, backend);
  process.stdout.write(`${backend} in pool ${pool} is empty\n`);
}

/** @throws StartError unless exactly one pool has such a backend */
function poolOf(backend: string, pools: readonly PoolStatus[]): string {
  const having = pools.filter(({ backends }) => backends.some(({ id }) => id === backend));
  const [first, second] = having.map(({ pool }) => pool);
  if (first === undefined) throw new StartError(`no pool has a backend "${backend}"`);
  if (second !== undefined) {
    const names = having.map(({ pool }) => pool).join(", ");
    throw new StartError(`"${backend}" is in several pools (${names}): name one with --pool`);
  }
  return first;
}

async function emptied(client: AdminClient, pool: string, backend: string): Promise<void> {
  for (;;) {
    const pools = await client.pools();
    const row = pools.find((one) => one.pool === pool)?.backends.find((one) => one.id === backend);
    if (row === undefined || row.connections === 0 || row.state !== "draining") return;
    await new Promise<void>((resolve) => void systemClock.after(LOOK_MS, resolve));
  }
}
