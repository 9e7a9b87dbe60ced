import type { Socket } from "node:net";
import type { Side, Traffic } from "./open-tunnel.ts";
import { FrameScanner, type FrameScannerOptions } from "../wire/frame-scanner.ts";

/** What a flow reports; the tunnel decides. */
export interface FlowObserver {
  /** The scanner has stopped: a Close has passed, or a rule was broken. Called once. */
  flowStopped(flow: Flow): void;
}

/**
 * One direction of a tunnel: reads from `source`, passes on to `sink`.
 *
 * Chunks are written as they were read. Only the tail of a chunk that ends inside a short frame is
 * copied and held until the frame is complete, so that `sink` is at a frame boundary whenever it can
 * be. When `sink` is full, `source` is not read: what is in memory is one chunk, one held frame and
 * the socket's own write buffer.
 */
export class Flow {
  readonly side: Side;
  readonly source: Socket;
  readonly sink: Socket;
  readonly scanner: FrameScanner;
  /** Bytes passed on, frame headers included. */
  bytes = 0;
  /** Something was read since the flag was last cleared. */
  active = true;
  /** Nothing is passed on any more: the sink got its Close, or its end. */
  muted = false;

  readonly #observer: FlowObserver;
  #held: Buffer | undefined;
  #heldBytes = 0;
  #pendingClose: Buffer | undefined;
  #endsAfterClose = false;

  constructor(
    ends: { readonly side: Side; readonly source: Socket; readonly sink: Socket },
    rules: FrameScannerOptions,
    observer: FlowObserver,
  ) {
    this.side = ends.side;
    this.source = ends.source;
    this.sink = ends.sink;
    this.scanner = new FrameScanner(rules);
    this.#observer = observer;
  }

  get traffic(): Traffic {
    return { bytes: this.bytes, messages: this.scanner.messages, frames: this.scanner.frames };
  }

  receive(chunk: Buffer): void {
    this.active = true;
    const { scanner } = this;
    if (scanner.isStopped()) return;
    if (this.muted) {
      scanner.scan(chunk);
    } else if (this.#pendingClose !== undefined) {
      const rest = chunk.subarray(0, scanner.payloadLeft);
      this.#pass(rest, scanner.scan(rest));
      if (!scanner.midFrame) this.#sendClose(this.#pendingClose);
    } else {
      this.#pass(chunk, scanner.scan(chunk));
    }
    if (scanner.isStopped()) this.#observer.flowStopped(this);
  }

  /** The sink has room again. */
  sinkDrained(): void {
    this.source.resume();
  }

  /**
   * Sends the sink a Close of the edge's own at the next frame boundary; nothing follows it.
   *
   * @param end whether to end the sink too, instead of waiting for its answer
   */
  closeSink(frame: Buffer, end = false): void {
    if (this.muted || this.#pendingClose !== undefined) return;
    if (this.scanner.closeCode !== undefined) return; // it has a Close already
    this.#endsAfterClose = end;
    if (this.scanner.midFrame) this.#pendingClose = frame;
    else this.#sendClose(frame);
  }

  /** Ends the sink after all that was written to it. */
  endSink(): void {
    this.mute();
    if (this.sink.writable) this.sink.end();
  }

  /** Passes nothing on any more, but reads on, so that the source's own end is seen. */
  mute(): void {
    this.muted = true;
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#pendingClose = undefined;
    this.source.resume();
  }

  #sendClose(frame: Buffer): void {
    this.mute();
    if (!this.sink.writable) return;
    if (this.#endsAfterClose) this.sink.end(frame);
    else this.sink.write(frame);
  }

  #pass(chunk: Buffer, released: number): void {
    if (released > 0) {
      const part = released === chunk.length ? chunk : chunk.subarray(0, released);
      this.bytes += released + this.#heldBytes;
      if (!this.#write(part)) this.source.pause();
    }
    if (released < chunk.length && !this.scanner.isStopped()) this.#hold(chunk, released);
  }

  #write(part: Buffer): boolean {
    const { sink } = this;
    if (!sink.writable) return true; // it is gone; its close event tells the tunnel
    if (this.#held === undefined) return sink.write(part);
    sink.cork();
    sink.write(this.#held.subarray(0, this.#heldBytes));
    const room = sink.write(part);
    sink.uncork();
    this.#held = undefined;
    this.#heldBytes = 0;
    return room;
  }

  /** Copied, since a few held bytes would otherwise keep a whole read buffer alive. */
  #hold(chunk: Buffer, from: number): void {
    const needed = this.#heldBytes + chunk.length - from;
    if (this.#held === undefined || this.#held.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.scanner.frameBytes));
      this.#held?.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#heldBytes, from);
    this.#heldBytes = needed;
  }
}
