import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";

/** All that was received is parsed again with each piece: whoever sends single bytes is cut off. */
const MAX_PIECES = 256;

export interface PeekOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** What a parser makes of the first bytes, and how many of them are not to be read again. */
export type Peeked<T> = { readonly found: T; readonly taken: number } | "partial" | "invalid";

/**
 * Reads the first bytes of a connection until a parser has seen enough, then puts back all that it
 * did not take.
 *
 * @param socket not read yet; left paused. It has an error handler
 * @param parse bounds what it calls partial
 * @returns undefined when the bytes are not what the parser looks for, came too slowly, or ended
 */
export function peek<T>(
  socket: Socket,
  parse: (received: Buffer) => Peeked<T>,
  { timeoutMs, clock }: PeekOptions,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    let pieces = 0;

    const settle = (found: T | undefined, taken: number): void => {
      timer.cancel();
      socket.off("data", onData).off("end", onLost).off("close", onLost).pause();
      const rest = received.subarray(taken);
      if (rest.length > 0 && !socket.destroyed) socket.unshift(rest);
      resolve(found);
    };
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const peeked = parse(received);
      if (peeked === "partial" && ++pieces < MAX_PIECES) return;
      if (typeof peeked === "string") settle(undefined, 0);
      else settle(peeked.found, peeked.taken);
    };
    const onLost = (): void => settle(undefined, received.length);
    const timer = clock.after(timeoutMs, () => settle(undefined, 0));
    socket.on("data", onData).on("end", onLost).on("close", onLost).resume();
    if (socket.destroyed) onLost();
  });
}
