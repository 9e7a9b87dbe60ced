import fc from "fast-check";
import * as ws from "ws";
import { FrameScanner, type FrameScannerOptions } from "../../src/wire/frame-scanner.ts";

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameShape {
  /** Text by default. */
  readonly opcode?: number;
  readonly fin?: boolean;
  /** The three reserved bits as they stand: RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  readonly rsv?: number;
  /** Four bytes of key; undefined: the frame is not masked. */
  readonly mask?: Buffer | undefined;
  readonly payload?: Buffer | string;
  /** How the length is written; in its shortest form by default. */
  readonly lengthBits?: 7 | 16 | 64;
  /** What the header says the length is, when it lies. */
  readonly claims?: bigint;
}

/** One frame (RFC 6455 §5.2), also such as no peer may send. */
export function frame(shape: FrameShape = {}): Buffer {
  const { opcode = OPCODE.text, fin = true, rsv = 0, mask } = shape;
  const payload = Buffer.from(shape.payload ?? "");
  const length = shape.claims ?? BigInt(payload.length);
  const bits = shape.lengthBits ?? (length < 126n ? 7 : length < 65536n ? 16 : 64);
  const extended = Buffer.alloc(bits === 7 ? 0 : bits / 8);
  if (bits === 16) extended.writeUInt16BE(Number(length));
  if (bits === 64) extended.writeBigUInt64BE(length);
  const short = bits === 7 ? Number(length) : bits === 16 ? 126 : 127;
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const second = (mask === undefined ? 0 : 0x80) | short;
  return Buffer.concat([
    Buffer.from([first, second]),
    extended,
    mask ?? Buffer.alloc(0),
    mask === undefined ? payload : xor(payload, mask),
  ]);
}

/** Masks and unmasks (RFC 6455 §5.3). */
export function xor(payload: Buffer, mask: Buffer): Buffer {
  return Buffer.from(payload.map((byte, i) => byte ^ (mask[i & 3] ?? 0)));
}

export function closePayload(code: number, reason = ""): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
}

/** Pieces of these sizes, taken in turn until the bytes end. */
export function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** Of a backend's frames, without extensions, up to 1 MiB a message, held back up to 16 KiB. */
export function scanner(options: Partial<FrameScannerOptions> = {}): FrameScanner {
  return new FrameScanner({
    masked: false,
    reserved: "none",
    maxMessageBytes: 2 ** 20,
    wholeFrameBytes: 16 * 1024,
    ...options,
  });
}

/**
 * Feeds a scanner as a tunnel does: what is not released is kept, and goes out with the next release.
 *
 * @param step called after each chunk with the number of bytes fed and released so far
 * @returns all that was released
 */
export function feed(
  scanner: FrameScanner,
  chunks: readonly Buffer[],
  step: (fed: number, released: number) => void = () => undefined,
): Buffer {
  const out: Buffer[] = [];
  let held: Buffer[] = [];
  let fed = 0;
  let released = 0;
  for (const chunk of chunks) {
    const taken = scanner.scan(chunk);
    if (taken < 0 || taken > chunk.length) throw new RangeError(`released ${taken}`);
    fed += chunk.length;
    if (taken > 0) {
      out.push(...held, chunk.subarray(0, taken));
      held = [];
      released = fed - chunk.length + taken;
    }
    held.push(chunk.subarray(taken));
    step(fed, released);
  }
  return Buffer.concat(out);
}

/** Where a frame of a run lies, and what passes with its last byte. */
export interface PlacedFrame {
  readonly start: number;
  readonly headerEnd: number;
  readonly end: number;
  readonly isControl: boolean;
  readonly endsMessage: boolean;
}

/** Frames that break no rule, as one peer would send them. */
export interface FrameRun {
  readonly masked: boolean;
  readonly bytes: Buffer;
  readonly frames: readonly PlacedFrame[];
  /** 1005 for an empty Close, undefined without one. */
  readonly closeCode: number | undefined;
  readonly largestMessage: number;
}

const anySize = fc.oneof(
  { weight: 12, arbitrary: fc.nat(20) },
  { weight: 8, arbitrary: fc.constantFrom(0, 1, 124, 125, 126, 127) },
  { weight: 1, arbitrary: fc.constantFrom(65_534, 65_535, 65_536, 65_537) },
);
const anyControl = fc.record({
  opcode: fc.constantFrom(OPCODE.ping, OPCODE.pong),
  size: fc.oneof(fc.nat(10), fc.constantFrom(0, 124, 125)),
});
const anyMessage = fc.record({
  opcode: fc.constantFrom(OPCODE.text, OPCODE.binary),
  deflated: fc.boolean(),
  fragments: fc.array(
    fc.record({ size: anySize, controls: fc.array(anyControl, { maxLength: 2 }) }),
    { minLength: 1, maxLength: 4 },
  ),
});
const anyClose = fc.option(
  fc.record({ code: fc.option(fc.nat(65_535)), reasonSize: fc.constantFrom(0, 1, 2, 123) }),
);

/** @param reserved RSV1 is set on messages at random under "deflate", never otherwise */
export function anyRun(reserved: "none" | "deflate"): fc.Arbitrary<FrameRun> {
  return fc
    .record({
      masked: fc.boolean(),
      // Payloads repeat these bytes: they may well look like headers.
      pattern: fc.uint8Array({ minLength: 1, maxLength: 7 }),
      messages: fc.array(anyMessage, { maxLength: 4 }),
      close: anyClose,
    })
    .map(({ masked, pattern, messages, close }) => {
      const run = new RunBuilder(masked, Buffer.from(pattern));
      for (const { opcode, deflated, fragments } of messages) {
        fragments.forEach(({ size, controls }, i) => {
          for (const control of controls) run.add({ opcode: control.opcode }, control.size);
          run.add(
            {
              opcode: i === 0 ? opcode : OPCODE.continuation,
              fin: i === fragments.length - 1,
              rsv: reserved === "deflate" && deflated && i === 0 ? 4 : 0,
            },
            size,
          );
        });
      }
      if (close === null) return run.built(undefined);
      const { code, reasonSize } = close;
      const payload = code === null ? "" : closePayload(code, "x".repeat(reasonSize));
      run.add({ opcode: OPCODE.close, payload }, 0);
      return run.built(code ?? 1005);
    });
}

/** Sizes to cut a stream by: bytes one by one, inside headers, at and around whole reads. */
export const anyCuts: fc.Arbitrary<number[]> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<number[]>([1]) },
  {
    weight: 4,
    arbitrary: fc.array(
      fc.oneof(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 70_000 })),
      {
        minLength: 1,
        maxLength: 20,
      },
    ),
  },
);

class RunBuilder {
  readonly #masked: boolean;
  readonly #pattern: Buffer;
  readonly #parts: Buffer[] = [];
  readonly #frames: PlacedFrame[] = [];
  #at = 0;
  #messageBytes = 0;
  #largest = 0;

  constructor(masked: boolean, pattern: Buffer) {
    this.#masked = masked;
    this.#pattern = pattern;
  }

  add(shape: FrameShape, size: number): void {
    const payload = Buffer.from(shape.payload ?? Buffer.alloc(size, this.#pattern));
    const mask = this.#masked ? Buffer.alloc(4, this.#pattern).fill(this.#at & 0xff, 3) : undefined;
    const bytes = frame({ ...shape, payload, mask });
    const start = this.#at;
    this.#at += bytes.length;
    const isControl = (shape.opcode ?? 0) >= OPCODE.close;
    const endsMessage = !isControl && shape.fin === true;
    this.#parts.push(bytes);
    this.#frames.push({
      start,
      headerEnd: this.#at - payload.length,
      end: this.#at,
      isControl,
      endsMessage,
    });
    if (isControl) return;
    this.#messageBytes += payload.length;
    this.#largest = Math.max(this.#largest, this.#messageBytes);
    if (endsMessage) this.#messageBytes = 0;
  }

  built(closeCode: number | undefined): FrameRun {
    return {
      masked: this.#masked,
      bytes: Buffer.concat(this.#parts),
      frames: this.#frames,
      closeCode,
      largestMessage: this.#largest,
    };
  }
}

/** What the package `ws` frames and compresses with; exported, but not in its types. */
export const wire = ws as unknown as {
  readonly Sender: WsSender;
  readonly PerMessageDeflate: new (options: object) => { accept(offers: object[]): unknown };
};

interface WsSender {
  new (socket: object, extensions: object): WsSenderInstance;
  frame(data: Buffer, options: object): Buffer[];
}

interface WsSenderInstance {
  send(data: Buffer, options: object, done: () => void): void;
}
