import { FleetError } from "./fleet-error.ts";

/** What can be published: text, bytes, or anything that JSON can say. */
export type Publishable = string | Uint8Array | object | number | boolean | null;

const VERSION = 1;
export const messageKinds = ["text", "binary", "json"] as const;
export type MessageKind = (typeof messageKinds)[number];

/** Version, kind, four numbers, and the lengths of the three texts that follow. */
const NUMBERS_AT = 2;
const LENGTHS_AT = NUMBERS_AT + 4 * 8;
const HEADER_BYTES = LENGTHS_AT + 3;

/**
 * A message as it goes through a broker. `origin`, `generation` and `count` let each node drop what
 * it has seen and tell exactly how many it has missed (docs/architecture.md, "A published message").
 */
export interface Envelope {
  /** Of the publishing node: another one after each start. */
  readonly origin: string;
  /** Milliseconds since 1970, by the publisher's clock. */
  readonly publishedAt: number;
  /** Counts all messages of the origin. */
  readonly serial: number;
  /** The serial with which the origin began to count this channel. */
  readonly generation: number;
  /** Counts the messages of the origin on this channel in this generation, from 1. */
  readonly count: number;
  readonly channel: string;
  /** The id that it has in the channel's log, if it is there; empty for what is not kept. */
  readonly loggedId: string;
  readonly kind: MessageKind;
  /** UTF-8 of a text or of JSON, or the bytes that were published. */
  readonly body: Buffer;
}

/** Unique, and the same for all who receive the message. */
export function messageId({ loggedId, origin, serial }: Envelope): string {
  return loggedId === "" ? `${origin}:${serial}` : loggedId;
}

/** @throws FleetError `bad_message` for what JSON can't say */
export function encodeBody(data: Publishable): { readonly kind: MessageKind; body: Buffer } {
  if (typeof data === "string") return { kind: "text", body: Buffer.from(data) };
  if (data instanceof Uint8Array) {
    // A copy: the publisher may use its buffer again before this one has left.
    return { kind: "binary", body: Buffer.from(data) };
  }
  try {
    const json = JSON.stringify(data) as string | undefined;
    if (json !== undefined) return { kind: "json", body: Buffer.from(json) };
  } catch (cause) {
    throw new FleetError("bad_message", "this can't be published: JSON can't say it", { cause });
  }
  throw new FleetError("bad_message", `a ${typeof data} can't be published: JSON has none`);
}

export function encodeEnvelope(envelope: Envelope): Buffer {
  const { origin, channel, loggedId, body } = envelope;
  const bodyAt = HEADER_BYTES + origin.length + channel.length + loggedId.length;
  const bytes = Buffer.allocUnsafe(bodyAt + body.length);
  bytes[0] = VERSION;
  bytes[1] = messageKinds.indexOf(envelope.kind);
  bytes.writeDoubleBE(envelope.publishedAt, NUMBERS_AT);
  bytes.writeDoubleBE(envelope.serial, NUMBERS_AT + 8);
  bytes.writeDoubleBE(envelope.generation, NUMBERS_AT + 16);
  bytes.writeDoubleBE(envelope.count, NUMBERS_AT + 24);
  bytes[LENGTHS_AT] = origin.length;
  bytes[LENGTHS_AT + 1] = channel.length;
  bytes[LENGTHS_AT + 2] = loggedId.length;
  bytes.write(origin + channel + loggedId, HEADER_BYTES, "latin1");
  body.copy(bytes, bodyAt);
  return bytes;
}

/** @returns undefined for what is no envelope of this version: anybody may write to a broker */
export function decodeEnvelope(bytes: Buffer): Envelope | undefined {
  const kind = messageKinds[bytes[1] ?? messageKinds.length];
  if (bytes[0] !== VERSION || kind === undefined || bytes.length < HEADER_BYTES) return undefined;
  const channelAt = HEADER_BYTES + (bytes[LENGTHS_AT] ?? 0);
  const loggedIdAt = channelAt + (bytes[LENGTHS_AT + 1] ?? 0);
  const bodyAt = loggedIdAt + (bytes[LENGTHS_AT + 2] ?? 0);
  if (bytes.length < bodyAt) return undefined;
  const envelope = {
    origin: bytes.toString("latin1", HEADER_BYTES, channelAt),
    publishedAt: bytes.readDoubleBE(NUMBERS_AT),
    serial: bytes.readDoubleBE(NUMBERS_AT + 8),
    generation: bytes.readDoubleBE(NUMBERS_AT + 16),
    count: bytes.readDoubleBE(NUMBERS_AT + 24),
    channel: bytes.toString("latin1", channelAt, loggedIdAt),
    loggedId: bytes.toString("latin1", loggedIdAt, bodyAt),
    kind,
    body: bytes.subarray(bodyAt),
  };
  const { publishedAt, serial, generation, count } = envelope;
  const areCounts = [serial, generation, count].every((number) => Number.isSafeInteger(number));
  return areCounts && count > 0 && Number.isFinite(publishedAt) ? envelope : undefined;
}
