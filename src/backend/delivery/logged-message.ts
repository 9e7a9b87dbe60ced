import type { Position } from "../broker/log.ts";
import { messageKinds, type MessageKind } from "../envelope.ts";

const VERSION = 1;
/** Version, kind, when it was published, and the length of its id. */
const HEADER_BYTES = 2 + 8 + 1;
const AT = 2;

/** What is kept of a message in the log. */
export interface StoredMessage {
  readonly id: string;
  readonly kind: MessageKind;
  /** Milliseconds since 1970, by the publisher's clock. */
  readonly publishedAt: number;
  readonly body: Buffer;
}

/** A message, and where it is in the log of its channel. */
export interface LoggedMessage extends StoredMessage {
  readonly channel: string;
  readonly position: Position;
  /** As clients get it for the first time, once one of them has: the same for all. */
  frame: Buffer | undefined;
}

export function encodeStored({ id, kind, publishedAt, body }: StoredMessage): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + id.length + body.length);
  bytes[0] = VERSION;
  bytes[1] = messageKinds.indexOf(kind);
  bytes.writeDoubleBE(publishedAt, AT);
  bytes[HEADER_BYTES - 1] = id.length;
  bytes.write(id, HEADER_BYTES, "latin1");
  body.copy(bytes, HEADER_BYTES + id.length);
  return bytes;
}

/** @returns undefined for what is no message of this version: anybody may write to a broker */
export function decodeStored(bytes: Buffer): StoredMessage | undefined {
  const kind = messageKinds[bytes[1] ?? messageKinds.length];
  const bodyAt = HEADER_BYTES + (bytes[HEADER_BYTES - 1] ?? 0);
  if (bytes[0] !== VERSION || kind === undefined || bytes.length < bodyAt) return undefined;
  const publishedAt = bytes.readDoubleBE(AT);
  if (!Number.isFinite(publishedAt)) return undefined;
  const id = bytes.toString("latin1", HEADER_BYTES, bodyAt);
  return { id, kind, publishedAt, body: bytes.subarray(bodyAt) };
}
