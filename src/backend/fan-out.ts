import type { Clock } from "../core/clock.ts";
import { messageFrame } from "../wire/message-frame.ts";
import type { Connection } from "./connection.ts";
import type { Envelope } from "./envelope.ts";
import type { LocalChannel } from "./local-channel.ts";

/** A channel with more than this to send does not wait for the end of the turn. */
const FULL_BYTES = 64 * 1024;

/**
 * Sends messages to the sockets of this node. A message is framed once for all of them. What comes
 * in one turn of the event loop leaves in one write a socket: system calls are most of the cost.
 */
export class FanOut {
  readonly #clock: Clock;
  #dirty: LocalChannel[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(channel: LocalChannel, { kind, body }: Envelope): void {
    const frame = messageFrame(body, kind !== "binary");
    if (channel.frames === undefined) {
      channel.frames = [frame];
      if (this.#dirty.length === 0) this.#clock.soon(() => this.#flushAll());
      this.#dirty.push(channel);
    } else {
      channel.frames.push(frame);
    }
    channel.frameBytes += frame.length;
    if (channel.frameBytes >= FULL_BYTES) this.flush(channel);
  }

  /** Sends what waits on a channel, before its membership changes: nobody gets what is not for them. */
  flush(channel: LocalChannel): void {
    const { frames = [] } = channel;
    if (frames.length === 0) return;
    const [first] = frames;
    const bytes = frames.length === 1 && first !== undefined ? first : Buffer.concat(frames);
    channel.frames = undefined;
    channel.frameBytes = 0;
    for (const connection of channel.connections) connection.deliver(bytes, frames.length);
  }

  #flushAll(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    if (dirty.length === 1) {
      for (const channel of dirty) this.flush(channel);
      return;
    }
    const corked = new Set<Connection>();
    for (const channel of dirty) {
      if (channel.frames === undefined) continue;
      for (const connection of channel.connections) {
        if (corked.has(connection)) continue;
        corked.add(connection);
        connection.cork();
      }
      this.flush(channel);
    }
    for (const connection of corked) connection.uncork();
  }
}
