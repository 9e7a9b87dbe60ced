import { z } from "zod";

/** One connection of a member, as its node tells of it. */
export interface PresenceEntry {
  /** Of the connection, unique at its node. */
  readonly key: string;
  /** The member whose connection it is. */
  readonly member: string;
  readonly session: string;
  /** What JSON can say; the member's metadata. */
  readonly data: unknown;
  /** Milliseconds since 1970 by its node's clock: when it joined, or its metadata changed. */
  readonly since: number;
}

const entry: z.ZodType<PresenceEntry> = z.object({
  key: z.string(),
  member: z.string(),
  session: z.string(),
  data: z.unknown(),
  since: z.number(),
});
const version = z.int().nonnegative();

/**
 * What nodes tell each other. `origin` is the node that says it: another one after each start. Each
 * has a version for each channel in which it has entries, and counts it up by one with each change.
 */
const message = z.discriminatedUnion("type", [
  /** It lives. `entries`: how many it has in all channels. */
  z.object({ type: z.literal("beat"), origin: z.string(), entries: version }),
  /** It has just started, and asks who lives. */
  z.object({ type: z.literal("hello"), origin: z.string() }),
  /** It has left; its members may come back elsewhere for so long. */
  z.object({ type: z.literal("bye"), origin: z.string(), graceMs: z.number().nonnegative() }),
  /** Changes that led from one version to the next ones: an entry that is set, or a key that is gone. */
  z.object({
    type: z.literal("changes"),
    origin: z.string(),
    channel: z.string(),
    from: version,
    /** There was no entry at version `from`: whoever has missed all before has missed nothing. */
    fromEmpty: z.boolean(),
    changes: z.array(z.union([entry, z.string()])),
  }),
  /** Asks for what differs from the versions that are known, of one node or of all. */
  z.object({
    type: z.literal("ask"),
    origin: z.string(),
    of: z.string().optional(),
    channels: z.array(z.tuple([z.string(), z.record(z.string(), version)])),
  }),
  /** All entries of a channel at one version, in parts that are numbered from 0. */
  z.object({
    type: z.literal("state"),
    origin: z.string(),
    channel: z.string(),
    version,
    part: version,
    isLast: z.boolean(),
    entries: z.array(entry),
  }),
  /** It has answered for these channels; nothing was to be said of those without a state. */
  z.object({ type: z.literal("answered"), origin: z.string(), channels: z.array(z.string()) }),
]);

export type PresenceMessage = z.infer<typeof message>;
export type PresenceChanges = Extract<PresenceMessage, { type: "changes" }>;
export type PresenceState = Extract<PresenceMessage, { type: "state" }>;
export type PresenceAsk = Extract<PresenceMessage, { type: "ask" }>;

export function encodePresence(what: PresenceMessage): Buffer {
  return Buffer.from(JSON.stringify(what));
}

/** @returns undefined for what is no such message: anybody may write to a broker */
export function decodePresence(payload: Buffer): PresenceMessage | undefined {
  try {
    return message.parse(JSON.parse(payload.toString()));
  } catch {
    return undefined;
  }
}
