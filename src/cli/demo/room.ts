/** What somebody said, and through which backend. */
export interface ChatMessage {
  readonly from: string;
  readonly backend: string;
  readonly text: string;
}

/**
 * Hands each message to every backend. The sample's backends live in one process, so a list of
 * listeners will do; backends of their own would share channels over a broker.
 */
export class Room {
  readonly #listeners = new Set<(message: ChatMessage) => void>();

  join(listener: (message: ChatMessage) => void): void {
    this.#listeners.add(listener);
  }

  say(message: ChatMessage): void {
    for (const listener of this.#listeners) listener(message);
  }
}
