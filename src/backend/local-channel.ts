import { Arrivals } from "./arrivals.ts";
import type { Connection } from "./connection.ts";
import type { Gap, Message } from "./message.ts";

/** A subscriber in this process. */
export interface Subscriber {
  readonly onMessage: (message: Message) => unknown;
  readonly onGap: ((gap: Gap) => unknown) | undefined;
}

/** What one node holds of a channel: who hears it here, and what has arrived. */
export class LocalChannel {
  readonly name: string;
  readonly connections: Set<Connection> = new Set();
  /** Most channels have none. */
  subscribers: Set<Subscriber> | undefined;
  /** Frames that go out when the turn of the event loop ends. */
  frames: Buffer[] | undefined;
  frameBytes = 0;
  #arrivals: Arrivals | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get arrivals(): Arrivals {
    return (this.#arrivals ??= new Arrivals());
  }

  get isHeard(): boolean {
    return this.connections.size > 0 || (this.subscribers?.size ?? 0) > 0;
  }
}
