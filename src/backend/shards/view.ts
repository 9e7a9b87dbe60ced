import { z } from "zod";
import type { ShardTable } from "../../ring/shard-map.ts";

/** What is sharded. */
export const tableNames = ["channels", "connections"] as const;
export type TableName = (typeof tableNames)[number];
export type Tables = Readonly<Record<TableName, ShardTable>>;

export interface Member {
  readonly id: string;
  /** Another one after each start of the node, and after each loss of its lease. */
  readonly run: string;
  readonly weight: number;
  /** It is a member still, but owns nothing any more. */
  readonly draining: boolean;
}

/**
 * Who is a member, and how keys are shared out: one document in the store, replaced as a whole. Each
 * change has the next epoch.
 */
export interface View {
  readonly epoch: number;
  readonly members: readonly Member[];
  readonly tables: Tables;
}

/** What a node says of itself, again and again. */
export interface Beat {
  readonly run: string;
  /** Counts up, so that each beat is another entry. */
  readonly count: number;
  /** The epoch of the view that the node acts by. */
  readonly adopted: number;
  /** Another node has ended the lease: no beat of this run can follow. */
  readonly expelled: boolean;
}

export const VIEW_KEY = "view";
export const BEAT_PREFIX = "beat/";

const table = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("hash") }),
  z.strictObject({
    kind: z.literal("range"),
    ranges: z.array(z.strictObject({ start: z.string(), owner: z.string().optional() })).min(1),
  }),
  z.strictObject({ kind: z.literal("directory"), owners: z.record(z.string(), z.string()) }),
]);
const viewSchema = z.object({
  epoch: z.number().int().positive(),
  members: z.array(
    z.object({
      id: z.string(),
      run: z.string(),
      weight: z.number().positive(),
      draining: z.boolean(),
    }),
  ),
  tables: z.strictObject({ channels: table, connections: table }),
});
const beatSchema = z.object({
  run: z.string(),
  count: z.number(),
  adopted: z.number(),
  expelled: z.boolean(),
});

/** @returns undefined for what is none: anybody may write to a store */
export function parseView(text: string): View | undefined {
  return viewSchema.safeParse(parseJson(text)).data;
}

export function parseBeat(text: string): Beat | undefined {
  return beatSchema.safeParse(parseJson(text)).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says that it is none
  }
}
