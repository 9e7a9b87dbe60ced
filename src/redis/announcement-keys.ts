/** Unless the backend says otherwise. */
export const LEASE_MS = 10_000;
/** What every key begins with, unless the edge is configured otherwise. */
export const PREFIX = "ringway:";

/** Where the backends of a pool are announced. The braces keep both keys in one slot of a Cluster. */
export function announcementKeys(prefix: string, pool: string): [leases: string, said: string] {
  const key = `${prefix}backends:{${pool}}`;
  return [key, `${key}:said`];
}
