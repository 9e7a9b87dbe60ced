import { createHash } from "node:crypto";

const BLOCK_BYTES = 64;
/** One byte of padding and eight of length go into the block too. */
const MAX_TEXT_BYTES = BLOCK_BYTES - 9;

// RFC 1321 §3.4: T[i] = floor(2^32 × |sin(i + 1)|), and the rotations of the four rounds.
const sines = new Int32Array(64).map((_, i) => (2 ** 32 * Math.abs(Math.sin(i + 1))) | 0);
const rotations = Uint8Array.of(7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21);
const block = new Int32Array(BLOCK_BYTES / 4);

/**
 * MD5 (RFC 1321) as four little-endian words, for placing keys on a ketama ring; not for security.
 *
 * Keys are short, and what `node:crypto` takes to set up a digest, 2–3 µs, is several times what one
 * block takes in plain code. A text of more than one block, or not in ASCII, is left to it.
 *
 * @param into takes the four words
 */
export function md5(text: string, into: Uint32Array): void {
  if (text.length <= MAX_TEXT_BYTES && fillBlock(text)) {
    digestBlock(into);
    return;
  }
  const digest = createHash("md5").update(text).digest();
  for (let i = 0; i < 4; i++) into[i] = digest.readUInt32LE(i * 4);
}

/** Lays the text out as the one block of its message. @returns false when it is not ASCII */
function fillBlock(text: string): boolean {
  block.fill(0);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return false;
    block[i >> 2] = (block[i >> 2] ?? 0) | (code << ((i & 3) << 3));
  }
  const end = text.length;
  block[end >> 2] = (block[end >> 2] ?? 0) | (0x80 << ((end & 3) << 3));
  block[14] = end << 3;
  return true;
}

function digestBlock(into: Uint32Array): void {
  let a = 0x67452301;
  let b = 0xefcdab89 | 0;
  let c = 0x98badcfe | 0;
  let d = 0x10325476;
  // A loop a round (RFC 1321 §3.4): to choose the round in each step would cost more than the step.
  for (let i = 0; i < 16; i++) {
    const sum = (a + (d ^ (b & (c ^ d))) + (sines[i] ?? 0) + (block[i] ?? 0)) | 0;
    const turn = rotations[i & 3] ?? 0;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
  }
  for (let i = 16; i < 32; i++) {
    const sum = (a + (c ^ (d & (b ^ c))) + (sines[i] ?? 0) + (block[(5 * i + 1) & 15] ?? 0)) | 0;
    const turn = rotations[4 | (i & 3)] ?? 0;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
  }
  for (let i = 32; i < 48; i++) {
    const sum = (a + (b ^ c ^ d) + (sines[i] ?? 0) + (block[(3 * i + 5) & 15] ?? 0)) | 0;
    const turn = rotations[8 | (i & 3)] ?? 0;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
  }
  for (let i = 48; i < 64; i++) {
    const sum = (a + (c ^ (b | ~d)) + (sines[i] ?? 0) + (block[(7 * i) & 15] ?? 0)) | 0;
    const turn = rotations[12 | (i & 3)] ?? 0;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
  }
  into[0] = a + 0x67452301;
  into[1] = b + 0xefcdab89;
  into[2] = c + 0x98badcfe;
  into[3] = d + 0x10325476;
}
