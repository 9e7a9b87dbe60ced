import type { Place } from "./types.ts";

/** The protocol's bounds. */
const MAX_OFFSETS = 1_000;
const MAX_REASON = 500;

export interface NackOptions {
  /** Milliseconds until it is sent again; a time that grows with each delivery when absent. */
  readonly delay?: number;
  /** For logs and the dead-letter channel; what is over 500 characters is cut off. */
  readonly reason?: string;
}

/** Tells the node what was dealt with: once a turn, all that a channel has settled in it. */
export class Settlements {
  readonly #send: (text: string) => void;
  /** By channel and epoch. */
  readonly #acks = new Map<string, { channel: string; epoch: string; offsets: string[] }>();

  /** @param send loses what is sent while there is no connection: it is delivered once more then */
  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  ack(channel: string, { offset, epoch }: Place): void {
    const key = `${channel} ${epoch}`; // names of channels have no spaces
    const ack = this.#acks.get(key);
    if (ack !== undefined && ack.offsets.length < MAX_OFFSETS) {
      ack.offsets.push(offset);
      return;
    }
    if (this.#acks.size === 0) queueMicrotask(() => this.flush());
    else if (ack !== undefined) this.#sendAck(ack);
    this.#acks.set(key, { channel, epoch, offsets: [offset] });
  }

  nack(channel: string, { offset, epoch }: Place, { delay, reason }: NackOptions): void {
    this.#send(
      JSON.stringify({
        ...{ type: "nack", channel, epoch, offset },
        ...{ delayMs: delay, reason: reason?.slice(0, MAX_REASON) },
      }),
    );
  }

  /** Sends what waits for the end of this turn. */
  flush(): void {
    for (const ack of this.#acks.values()) this.#sendAck(ack);
    this.#acks.clear();
  }

  #sendAck(ack: object): void {
    this.#send(JSON.stringify({ type: "ack", ...ack }));
  }
}
