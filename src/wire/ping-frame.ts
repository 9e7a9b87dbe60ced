import { systemRandom } from "../core/random.ts";

/** Told from an application's own pings by chance: the same for all of this process. */
const PAYLOAD = systemRandom.bytes(8);
const PING = 0x89;
const MASKED = 0x80;

const unmaskedPing = Buffer.concat([Buffer.of(PING, PAYLOAD.length), PAYLOAD]);

/**
 * A Ping (RFC 6455 §5.5.2) of the edge's own.
 *
 * @param mask four bytes of key when it goes to a backend, where the edge is the client (§5.3);
 *   undefined when it goes to a client
 */
export function pingFrame(mask: Buffer | undefined): Buffer {
  if (mask === undefined) return unmaskedPing;
  const masked = PAYLOAD.map((byte, i) => byte ^ (mask[i & 3] ?? 0));
  return Buffer.concat([Buffer.of(PING, MASKED | PAYLOAD.length), mask, masked]);
}

/** Whether a complete Pong frame answers a ping of {@link pingFrame}. */
export function answersOwnPing(pong: Buffer): boolean {
  const isMasked = (pong.readUInt8(1) & MASKED) !== 0;
  const start = isMasked ? 6 : 2;
  if (pong.length !== start + PAYLOAD.length) return false;
  return PAYLOAD.every((byte, i) => {
    const key = isMasked ? pong.readUInt8(2 + (i & 3)) : 0;
    return (pong.readUInt8(start + i) ^ key) === byte;
  });
}
