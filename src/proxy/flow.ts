import type { Socket } from "node:net";
import type { Side, Traffic } from "./open-tunnel.ts";
import { answersOwnPing } from "../wire/ping-frame.ts";
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
  /** Something of the peer's own was read since the flag was last cleared. */
  active = true;
  /** Anything was read since the flag was last cleared, answers to the edge's pings included. */
  heard = true;
  /** Nothing is passed on any more: the sink got its Close, or its end. */
  muted = false;

  readonly #observer: FlowObserver;
  #held: Buffer | undefined;
  #heldBytes = 0;
  #pendingClose: Buffer | undefined;
  #endsAfterClose = false;
  /** The edge's own pings to the source that are not answered yet. */
  #awaitedPongs = 0;

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
    const { scanner } = this;
    this.heard = true;
    if (scanner.isStopped()) return;
    let rest = this.#receive(chunk);
    while (rest !== undefined && !scanner.isStopped()) rest = this.#receive(rest);
    if (scanner.isStopped()) this.#observer.flowStopped(this);
  }

  /**
   * Sends the sink a ping of the edge's own. Its answer comes by the opposite flow.
   *
   * @returns false when there is no frame boundary now, or nothing may be sent any more
   */
  insertPing(frame: Buffer): boolean {
    const { scanner, sink } = this;
    if (this.muted || this.#pendingClose !== undefined || scanner.isStopped()) return false;
    if (scanner.midFrame || !sink.writable) return false;
    sink.write(frame);
    return true;
  }

  /** The answer to a ping of the edge's own is to come from the source: it is not passed on. */
  awaitPong(): void {
    this.#awaitedPongs++;
    this.scanner.stopsAtPong = true;
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
    this.#dropHeld();
    this.#pendingClose = undefined;
    this.source.resume();
  }

  /** @returns what is left to look at: the scanner stops where the edge may have to do something */
  #receive(chunk: Buffer): Buffer | undefined {
    const { scanner } = this;
    if (this.muted) {
      this.active = true;
      return behind(chunk, scanner.scan(chunk), scanner.pongBytes > 0);
    }
    if (this.#pendingClose !== undefined) {
      this.active = true;
      const { payloadLeft } = scanner;
      const rest = chunk.subarray(0, payloadLeft);
      this.#pass(rest, scanner.scan(rest));
      if (!scanner.midFrame) this.#sendClose(this.#pendingClose);
      return behind(chunk, payloadLeft, true);
    }
    const released = scanner.scan(chunk);
    if (scanner.pongBytes > 0) {
      this.#passPong(chunk, released);
      return behind(chunk, released, true);
    }
    this.active = true;
    this.#pass(chunk, released);
    return undefined;
  }

  /** What ends with a Pong that may be the edge's own. A Pong is short: none of it has passed yet. */
  #passPong(chunk: Buffer, released: number): void {
    const { scanner } = this;
    const start = released - scanner.pongBytes;
    const pong =
      start >= 0
        ? chunk.subarray(start, released)
        : Buffer.concat(
            [this.#held?.subarray(0, this.#heldBytes) ?? nothing, chunk],
            scanner.pongBytes,
          );
    const isOwn = answersOwnPing(pong);
    if (isOwn) {
      scanner.frames--;
      this.#awaitedPongs--;
      scanner.stopsAtPong = this.#awaitedPongs > 0;
      if (start < 0) this.#dropHeld();
    }
    const passed = isOwn ? Math.max(0, start) : released;
    if (passed === 0) return;
    this.active = true;
    this.#pass(chunk.subarray(0, passed), passed);
  }

  #dropHeld(): void {
    this.#held = undefined;
    this.#heldBytes = 0;
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
    this.#dropHeld();
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

const nothing = Buffer.alloc(0);

function behind(chunk: Buffer, taken: number, goesOn: boolean): Buffer | undefined {
  return goesOn && taken < chunk.length ? chunk.subarray(taken) : undefined;
}
