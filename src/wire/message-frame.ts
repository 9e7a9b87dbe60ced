const FIN = 0x80;
const TEXT = 1;
const BINARY = 2;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/**
 * A whole message in one frame, as a server sends it: without a mask (RFC 6455 §5.1, §5.2).
 *
 * @param payload UTF-8 when `isText`
 */
export function messageFrame(payload: Buffer, isText: boolean): Buffer {
  const { length } = payload;
  const headerBytes = length < LENGTH_16 ? 2 : length < 2 ** 16 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = FIN | (isText ? TEXT : BINARY);
  if (headerBytes === 2) frame[1] = length;
  else if (headerBytes === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeUIntBE(0, 2, 4);
    frame.writeUInt32BE(length, 6);
  }
  payload.copy(frame, headerBytes);
  return frame;
}
