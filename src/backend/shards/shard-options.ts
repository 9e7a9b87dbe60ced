/** How keys are shared out among the nodes; all nodes of a fleet must say the same. */
export type ShardKind =
  /** By the consistent-hash ring, as the edge's `policy: ring` places them. */
  | { readonly by: "hash" }
  /** By sorted boundaries: `["g", "p"]` makes the ranges before "g", from "g", and from "p" on. */
  | { readonly by: "range"; readonly boundaries: readonly string[] }
  /** As assigned one by one; keys that are not are placed by the ring. */
  | { readonly by: "directory" };

export interface ShardOptions {
  readonly channels?: ShardKind;
  readonly connections?: ShardKind;
  /** A node that is not heard of for this long has lost what it owned; 10 s by default. */
  readonly leaseMs?: number;
  /** Relative share of keys; 1 by default. */
  readonly weight?: number;
}
