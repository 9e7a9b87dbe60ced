interface Sent {
  readonly generation: number;
  count: number;
}

/** Channels in one half; those that were not published to in the last two halves are forgotten. */
const HALF = 50_000;

/** Numbers what this node publishes, so that others can tell what they have missed. */
export class Departures {
  readonly #half: number;
  #serial = 0;
  #recent = new Map<string, Sent>();
  #older = new Map<string, Sent>();

  constructor(half: number = HALF) {
    this.#half = half;
  }

  /** The numbers of the next message on a channel (see `Envelope`). */
  next(channel: string): { serial: number; generation: number; count: number } {
    const serial = ++this.#serial;
    const sent = this.#sentOn(channel);
    sent.count++;
    return { serial, generation: sent.generation, count: sent.count };
  }

  /** The last message that was numbered on a channel did not leave: its number is free again. */
  takeBack(channel: string): void {
    this.#sentOn(channel).count--;
  }

  #sentOn(channel: string): Sent {
    const recent = this.#recent.get(channel);
    if (recent !== undefined) return recent;
    if (this.#recent.size >= this.#half) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    // A channel that was forgotten begins a generation: its count must not seem to go back.
    const sent = this.#older.get(channel) ?? { generation: this.#serial, count: 0 };
    this.#older.delete(channel);
    this.#recent.set(channel, sent);
    return sent;
  }
}
