import { createHash } from "node:crypto";
import type { MessageKind } from "../envelope.ts";
import type { Burial } from "./outstanding.ts";
import { bodyFields, type BodyFields } from "./body-fields.ts";

/** What is published on the channel of dead letters. */
export type DeadLetter = BodyFields & {
  readonly channel: string;
  /** The session that it was delivered to. */
  readonly session: string;
  readonly id: string;
  readonly publishedAt: number;
  readonly deliveries: number;
  readonly reason: string;
};

/** @returns what to publish, and the id that makes it one message however often it is tried */
export function deadLetterOf({ message, session, deliveries, reason }: Burial): {
  readonly id: string;
  readonly kind: MessageKind;
  readonly body: Buffer;
} {
  const { channel, id, publishedAt, kind, body } = message;
  const letter: DeadLetter = {
    channel,
    session,
    id,
    publishedAt,
    deliveries,
    reason,
    ...bodyFields(kind, body),
  };
  const name = JSON.stringify([channel, session, id]);
  return {
    id: createHash("sha256").update(name).digest("base64url"),
    kind: "json",
    body: Buffer.from(JSON.stringify(letter)),
  };
}
