import { z } from "zod";
import type { Position } from "../broker/log.ts";
import type { PresenceEvent } from "../presence/roster.ts";

/** What clients and nodes say to each other in `ringway.v1`: docs/protocol.md. */

const MAX_KEY = 128;
const MAX_PAGE = 1_000;
const MAX_SETTLED = 1_000;
const MAX_REASON = 500;

const channel = z.string();
const n = z.int().nonnegative();
const offset = z.string().max(64);
const epoch = z.string().max(256);
const delivery = z.enum(["at-most-once", "at-least-once"]).default("at-most-once");
const key = z.string().regex(new RegExp(`^[\\x20-\\x7e]{1,${MAX_KEY}}$`));

const join = z.object({
  type: z.literal("join"),
  n,
  channel,
  delivery,
  presence: z.unknown().optional(),
});
const leave = z.object({ type: z.literal("leave"), n, channel });
const publish = z
  .object({
    type: z.literal("publish"),
    n,
    channel,
    text: z.string().optional(),
    data: z.unknown().optional(),
    base64: z.base64().optional(),
    delivery,
    key: key.optional(),
    again: z.boolean().default(false),
  })
  .refine(
    ({ text, data, base64 }) =>
      [text, data, base64].filter((each) => each !== undefined).length === 1,
    "exactly one of text, data and base64",
  )
  .refine(
    ({ delivery, key }) => delivery === "at-most-once" || key !== undefined,
    "at-least-once needs a key",
  );
const members = z.object({
  type: z.literal("members"),
  n,
  channel,
  limit: z.int().min(0).max(MAX_PAGE).default(MAX_PAGE),
  after: z.string().optional(),
});
const watch = z.object({ type: z.literal("watch"), n, channel });
const unwatch = z.object({ type: z.literal("unwatch"), n, channel });
const ack = z.object({
  type: z.literal("ack"),
  channel,
  epoch,
  offsets: z.array(offset).max(MAX_SETTLED).optional(),
  through: offset.optional(),
});
const nack = z.object({
  type: z.literal("nack"),
  channel,
  epoch,
  offset,
  delayMs: z.number().nonnegative().optional(),
  reason: z.string().max(MAX_REASON).optional(),
});
const ping = z.object({ type: z.literal("ping") });

/** What is answered. */
export const requestSchemas = { join, leave, publish, members, watch, unwatch } as const;
/** What is not. */
export const noticeSchemas = { ack, nack, ping } as const;

export type JoinRequest = z.output<typeof join>;
export type PublishRequest = z.output<typeof publish>;
export type MembersRequest = z.output<typeof members>;
export type ClientRequest =
  | JoinRequest
  | PublishRequest
  | MembersRequest
  | z.output<typeof leave>
  | z.output<typeof watch>
  | z.output<typeof unwatch>;
export type ClientNotice = z.output<typeof ack> | z.output<typeof nack> | z.output<typeof ping>;

/** A member as clients see it: sessions are none of their business. */
export interface MemberFields {
  readonly id: string;
  readonly data: unknown;
  readonly connections: number;
}

interface Welcome {
  readonly type: "welcome";
  readonly session: string;
  readonly node: string;
  readonly heartbeatMs: number;
  readonly inFlight: number;
}

export interface Joined extends Partial<Position> {
  readonly type: "joined";
  readonly re?: number;
  readonly channel: string;
  readonly delivery: "at-most-once" | "at-least-once";
  readonly isNew?: boolean;
}

interface Members {
  readonly type: "members";
  readonly re: number;
  readonly channel: string;
  readonly count: number;
  readonly members: readonly MemberFields[];
}

interface GapMessage {
  readonly type: "gap";
  readonly channel: string;
  readonly reason: "trimmed" | "epoch";
  readonly asked: Position;
  readonly resumes: Position;
}

interface PresenceMessage {
  readonly type: "presence";
  readonly channel: string;
  readonly event: PresenceEvent;
  readonly member: MemberFields;
}

interface ErrorMessage {
  readonly type: "error";
  readonly re?: number;
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** What a node says, `message` apart: that is put together in message-text.ts. */
export type NodeMessage =
  | Welcome
  | Joined
  | { readonly type: "left"; readonly re: number; readonly channel: string }
  | { readonly type: "published"; readonly re: number; readonly id: string }
  | { readonly type: "watching" | "unwatched"; readonly re: number; readonly channel: string }
  | { readonly type: "pong" }
  | Members
  | GapMessage
  | PresenceMessage
  | ErrorMessage;
