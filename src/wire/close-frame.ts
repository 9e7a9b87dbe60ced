const MAX_REASON_BYTES = 123;

/**
 * A Close frame (RFC 6455 §5.5.1) that the edge makes itself.
 *
 * @param code 1000–4999, other than 1005, 1006 and 1015
 * @param reason UTF-8 text; cut at a character's border to the 123 bytes that fit
 * @param mask four bytes of key when it goes to a backend, where the edge is the client (§5.3);
 *   undefined when it goes to a client
 */
export function closeFrame(code: number, reason: string, mask: Buffer | undefined): Buffer {
  const text = fittingReason(reason);
  const headerBytes = mask === undefined ? 2 : 6;
  const frame = Buffer.allocUnsafe(headerBytes + 2 + text.length);
  frame.writeUInt8(0x88, 0);
  frame.writeUInt8((mask === undefined ? 0 : 0x80) | (2 + text.length), 1);
  frame.writeUInt16BE(code, headerBytes);
  text.copy(frame, headerBytes + 2);
  if (mask !== undefined) {
    mask.copy(frame, 2, 0, 4);
    for (let i = 0; i < frame.length - headerBytes; i++) {
      frame.writeUInt8(frame.readUInt8(headerBytes + i) ^ mask.readUInt8(i & 3), headerBytes + i);
    }
  }
  return frame;
}

/** A label of bounded variety for metrics: each registered code by itself, ranges for the rest. */
export function closeCodeLabel(code: number): string {
  if (code >= 1000 && code <= 1015) return String(code);
  if (code >= 3000 && code <= 3999) return "3xxx";
  if (code >= 4000 && code <= 4999) return "4xxx";
  return "other";
}

function fittingReason(reason: string): Buffer {
  const bytes = Buffer.from(reason);
  if (bytes.length <= MAX_REASON_BYTES) return bytes;
  let end = MAX_REASON_BYTES;
  while (end > 0 && (bytes.readUInt8(end) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
