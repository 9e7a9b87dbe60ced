const CONTINUATION = 0x0;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const MAX_HEADER_BYTES = 14;
const MAX_CONTROL_BYTES = 125;

/** Reserved bits and opcodes that the negotiated extensions give a meaning. */
export type ReservedBits =
  /** No extension: all of them are violations. */
  | "none"
  /** permessage-deflate: RSV1 on the first frame of a data message (RFC 7692 §6). */
  | "deflate"
  /** An extension that Ringway does not know: only its peers can judge. */
  | "any";

export interface FrameScannerOptions {
  /** True for what a client sends, false for what a backend sends (RFC 6455 §5.1). */
  readonly masked: boolean;
  readonly reserved: ReservedBits;
  /** Largest message in bytes as sent, that is after compression; all its fragments count. */
  readonly maxMessageBytes: number;
  /**
   * Frames up to this many bytes, header included, are released only when they are complete, so
   * that whoever receives them is at a frame boundary when the sender dies half way.
   */
  readonly wholeFrameBytes: number;
}

export type FrameFault = "protocol_error" | "message_too_big";

/**
 * Finds frame boundaries in one direction of a WebSocket, however its bytes are cut into chunks,
 * and checks the rules of RFC 6455 §5 that a header shows: masking (§5.1), reserved bits, opcodes,
 * minimal lengths (§5.2), fragmentation (§5.4) and control frames (§5.5). It keeps no payload: a
 * frame of any size costs its header.
 */
export class FrameScanner {
  /** Complete data messages that have passed. */
  messages = 0;
  /** Complete frames of all kinds that have passed. */
  frames = 0;
  /** Complete Ping and Pong frames that have passed. */
  pings = 0;
  pongs = 0;
  /** Whether `scan` returns right behind each complete Pong. */
  stopsAtPong = false;
  /** The size of the Pong behind which `scan` has just returned; 0 when it went on to the end. */
  pongBytes = 0;
  /** Set once by the first violation; nothing is scanned after it. */
  fault: FrameFault | undefined;
  /** What rule was broken, for a log line and the reason of the Close. */
  faultDetail = "";
  /** The code of the Close frame that has passed, 1005 for an empty one (RFC 6455 §7.1.5). */
  closeCode: number | undefined;

  readonly #options: FrameScannerOptions;
  #header: Buffer | undefined;
  #headerLength = 0;
  #opcode = 0;
  #final = false;
  #payloadLeft = 0;
  #frameBytes = 0;
  #fragmented = false;
  #messageBytes = 0;
  #closeMask = 0;
  #closeBytes = 0;

  constructor(options: FrameScannerOptions) {
    this.#options = options;
  }

  /** Nothing may follow: a Close has passed (RFC 6455 §5.5.1) or a rule was broken. */
  isStopped(): boolean {
    return this.fault !== undefined || this.closeCode !== undefined;
  }

  /** A frame has been released in part: its receiver is inside a payload. */
  get midFrame(): boolean {
    return this.#payloadLeft > 0 && !this.#holding;
  }

  /** Bytes that are still to come of the frame under way; 0 between frames. */
  get payloadLeft(): number {
    return this.#payloadLeft;
  }

  /** The size of the frame under way, header included, as far as its header tells. */
  get frameBytes(): number {
    return this.#payloadLeft > 0 ? this.#frameBytes : MAX_HEADER_BYTES;
  }

  get #holding(): boolean {
    return this.#frameBytes <= this.#options.wholeFrameBytes;
  }

  /**
   * @param chunk the next bytes of the stream
   * @returns how many bytes of the chunk, from its start, may be passed on now. More than 0 releases
   *   all that was held back of earlier chunks as well. The rest is to be kept for the next call,
   *   or dropped when `isStopped()`. When `pongBytes` is set, what follows was not scanned yet.
   */
  scan(chunk: Buffer): number {
    let at = 0;
    let released = 0;
    this.pongBytes = 0;
    while (at < chunk.length && !this.isStopped()) {
      if (this.#payloadLeft === 0) {
        at = this.#takeHeader(chunk, at);
        if (this.fault !== undefined || this.#headerLength > 0) break;
      } else {
        const taken = Math.min(this.#payloadLeft, chunk.length - at);
        if (this.#opcode === CLOSE) this.#readCloseCode(chunk, at, taken);
        at += taken;
        this.#payloadLeft -= taken;
      }
      if (this.#payloadLeft === 0) {
        this.#endFrame();
        released = at;
        if (this.pongBytes > 0) break;
      } else if (!this.#holding) {
        released = at;
      }
    }
    return released;
  }

  #takeHeader(chunk: Buffer, start: number): number {
    if (this.#headerLength === 0 && chunk.length - start >= 2) {
      const size = headerSize(chunk, start);
      if (chunk.length - start >= size) {
        this.#startFrame(chunk, start, size);
        return start + size;
      }
    }
    // The cut went through the header: gather it byte by byte, which is rare and short.
    this.#header ??= Buffer.allocUnsafeSlow(MAX_HEADER_BYTES);
    for (let at = start; at < chunk.length; at++) {
      this.#header[this.#headerLength++] = chunk.readUInt8(at);
      if (this.#headerLength < 2) continue;
      if (this.#headerLength === headerSize(this.#header, 0)) {
        this.#startFrame(this.#header, 0, this.#headerLength);
        this.#headerLength = 0;
        return at + 1;
      }
    }
    return chunk.length;
  }

  #startFrame(bytes: Buffer, at: number, size: number): void {
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    const short = second & 0x7f;
    this.#opcode = first & 0x0f;
    this.#final = (first & 0x80) !== 0;

    if (((second & 0x80) !== 0) !== this.#options.masked) {
      this.#break(this.#options.masked ? "a client's frame is not masked" : "a masked frame");
      return;
    }
    if (!this.#reservedAllowed(first & 0x70)) return;
    if (this.#opcode >= CLOSE ? !this.#controlAllowed(short) : !this.#dataAllowed()) return;

    const length = payloadLength(bytes, at + 2, short);
    if (length === undefined) {
      this.#break("a payload length is not in its shortest form");
      return;
    }
    if (this.#opcode < CLOSE && this.#isTooBig(length)) {
      this.fault = "message_too_big";
      this.faultDetail = `a message is over ${this.#options.maxMessageBytes} bytes`;
      return;
    }
    if (this.#opcode === CLOSE) {
      this.#closeMask = this.#options.masked ? bytes.readUInt16BE(at + size - 4) : 0;
      if (length === 1) {
        this.#break("a Close holds half a code");
        return;
      }
    }
    this.#payloadLeft = length;
    this.#frameBytes = size + length;
  }

  /** All fragments of a message count; a frame of an unknown extension counts by itself. */
  #isTooBig(length: number): boolean {
    const isPart = this.#opcode <= BINARY;
    if (isPart) this.#messageBytes += length;
    return (isPart ? this.#messageBytes : length) > this.#options.maxMessageBytes;
  }

  #reservedAllowed(bits: number): boolean {
    if (this.#options.reserved === "any") return true;
    const deflated =
      this.#options.reserved === "deflate" &&
      bits === 0x40 &&
      this.#opcode !== CONTINUATION &&
      this.#opcode <= BINARY;
    if (bits !== 0 && !deflated) return this.#break("a reserved bit is set");
    const known = this.#opcode <= BINARY || (this.#opcode >= CLOSE && this.#opcode <= PONG);
    return known || this.#break("a reserved opcode");
  }

  #controlAllowed(short: number): boolean {
    if (!this.#final) return this.#break("a control frame is fragmented");
    return short <= MAX_CONTROL_BYTES || this.#break("a control frame is over 125 bytes");
  }

  #dataAllowed(): boolean {
    if (this.#opcode > BINARY) return true; // of an unknown extension: not ours to judge
    if (this.#opcode === CONTINUATION) {
      return this.#fragmented || this.#break("a continuation of nothing");
    }
    return !this.#fragmented || this.#break("a new message inside another");
  }

  #break(detail: string): false {
    this.fault = "protocol_error";
    this.faultDetail = detail;
    return false;
  }

  #readCloseCode(chunk: Buffer, at: number, length: number): void {
    for (let i = at; i < at + length && this.#closeBytes < 2; i++) {
      const shift = this.#closeBytes === 0 ? 8 : 0;
      this.#closeMask ^= chunk.readUInt8(i) << shift;
      this.#closeBytes++;
    }
  }

  #endFrame(): void {
    this.frames++;
    // Nearly all frames are data: they are asked for first.
    if (this.#opcode <= BINARY) {
      this.#fragmented = !this.#final;
      if (!this.#final) return;
      this.#messageBytes = 0;
      this.messages++;
    } else if (this.#opcode === CLOSE) {
      this.closeCode = this.#closeBytes === 2 ? this.#closeMask : 1005;
    } else if (this.#opcode === PING) {
      this.pings++;
    } else if (this.#opcode === PONG) {
      this.pongs++;
      if (this.stopsAtPong) this.pongBytes = this.#frameBytes;
    }
  }
}

function headerSize(bytes: Buffer, at: number): number {
  const second = bytes.readUInt8(at + 1);
  const short = second & 0x7f;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  return 2 + extended + (second & 0x80 ? 4 : 0);
}

/** The payload length, or undefined when a shorter form exists or the top bit is set (§5.2). */
function payloadLength(bytes: Buffer, at: number, short: number): number | undefined {
  if (short < 126) return short;
  if (short === 126) {
    const length = bytes.readUInt16BE(at);
    return length < 126 ? undefined : length;
  }
  const high = bytes.readUInt32BE(at);
  const length = high * 2 ** 32 + bytes.readUInt32BE(at + 4);
  return high > 0x7fffffff || length <= 0xffff ? undefined : length;
}
