import type { Position } from "../broker/log.ts";
import type { MessageKind } from "../envelope.ts";

export interface TextMessage {
  readonly channel: string;
  readonly id: string;
  readonly publishedAt: number;
  readonly kind: MessageKind;
  readonly body: Buffer;
}

/**
 * A `message` of `ringway.v1`, put together by hand: what was published as JSON goes in as it is.
 *
 * @param kept where it is in the log, and how often it was delivered with this time
 */
export function messageText(
  { channel, id, publishedAt, kind, body }: TextMessage,
  kept?: { readonly position: Position; readonly deliveries: number },
): string {
  const at = Math.round(publishedAt);
  const head = `{"type":"message","channel":"${channel}","id":${JSON.stringify(id)},"at":${at}`;
  const tail =
    kept === undefined
      ? "}"
      : `,"offset":"${kept.position.offset}","epoch":${JSON.stringify(kept.position.epoch)},` +
        `"deliveries":${kept.deliveries}}`;
  return `${head},${content(kind, body)}${tail}`;
}

function content(kind: MessageKind, body: Buffer): string {
  switch (kind) {
    case "text":
      return `"text":${JSON.stringify(body.toString())}`;
    case "binary":
      return `"base64":"${body.toString("base64")}"`;
    case "json":
      return `"data":${body.toString()}`;
  }
}
