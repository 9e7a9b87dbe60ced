import type { Clock } from "../core/clock.ts";
import { messageFrame } from "../wire/message-frame.ts";
import type { Audience } from "./audience.ts";
import type { Connection } from "./connection.ts";
import { messageId, type Envelope } from "./envelope.ts";
import type { LocalChannel } from "./local-channel.ts";
import { messageText } from "./protocol/message-text.ts";

/** An audience with more than this to get does not wait for the end of the turn. */
const FULL_BYTES = 64 * 1024;

/**
 * Sends messages to the sockets of this node. A message is framed once for all of them. What comes
 * in one turn of the event loop leaves in one write a socket: system calls are most of the cost.
 */
export class FanOut {
  readonly #clock: Clock;
  #dirty: Audience[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(channel: LocalChannel, envelope: Envelope): void {
    const isLogged = envelope.loggedId !== "";
    let plain: Buffer | undefined;
    let framed: Buffer | undefined;
    for (const audience of channel.audiences) {
      if (isLogged && audience.readsLog) continue;
      if (audience.isFramed) this.#add(audience, (framed ??= framedMessage(envelope)));
      else this.#add(audience, (plain ??= plainMessage(envelope)));
    }
  }

  /** Sends what waits on a channel, before its membership changes: nobody gets what is not for them. */
  flush(channel: LocalChannel): void {
    for (const audience of channel.audiences) this.#flush(audience);
  }

  #add(audience: Audience, frame: Buffer): void {
    if (audience.frames === undefined) {
      audience.frames = [frame];
      if (this.#dirty.length === 0) this.#clock.soon(() => this.#flushAll());
      this.#dirty.push(audience);
    } else {
      audience.frames.push(frame);
    }
    audience.frameBytes += frame.length;
    if (audience.frameBytes >= FULL_BYTES) this.#flush(audience);
  }

  #flush(audience: Audience): void {
    const { frames = [] } = audience;
    if (frames.length === 0) return;
    const [first] = frames;
    const bytes = frames.length === 1 && first !== undefined ? first : Buffer.concat(frames);
    audience.frames = undefined;
    audience.frameBytes = 0;
    for (const connection of audience.connections) connection.deliver(bytes, frames.length);
  }

  #flushAll(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    if (dirty.length === 1) {
      for (const audience of dirty) this.#flush(audience);
      return;
    }
    const corked = new Set<Connection>();
    for (const audience of dirty) {
      if (audience.frames === undefined) continue;
      for (const connection of audience.connections) {
        if (corked.has(connection)) continue;
        corked.add(connection);
        connection.cork();
      }
      this.#flush(audience);
    }
    for (const connection of corked) connection.uncork();
  }
}

function plainMessage({ kind, body }: Envelope): Buffer {
  return messageFrame(body, kind !== "binary");
}

function framedMessage(envelope: Envelope): Buffer {
  const { channel, publishedAt, kind, body } = envelope;
  const text = messageText({ channel, id: messageId(envelope), publishedAt, kind, body });
  return messageFrame(Buffer.from(text), true);
}
