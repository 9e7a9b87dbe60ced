import { Arrivals } from "./arrivals.ts";
import { Audience } from "./audience.ts";
import type { Connection } from "./connection.ts";
import type { Gap, Message } from "./message.ts";

/** A subscriber in this process. */
export interface Subscriber {
  readonly onMessage: (message: Message) => unknown;
  readonly onGap: ((gap: Gap) => unknown) | undefined;
  /** What is kept in the log comes to it from there. */
  readonly readsLog: boolean;
}

/** What one node holds of a channel: who hears it here, and what has arrived. */
export class LocalChannel {
  readonly name: string;
  /** Connections that get the same bytes; most channels have one. */
  readonly audiences: Audience[] = [];
  /** Most channels have none. */
  subscribers: Set<Subscriber> | undefined;
  #arrivals: Arrivals | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get arrivals(): Arrivals {
    return (this.#arrivals ??= new Arrivals());
  }

  get isHeard(): boolean {
    return this.audiences.length > 0 || (this.subscribers?.size ?? 0) > 0;
  }

  /** The audience that a connection is in. */
  audienceOf(connection: Connection): Audience | undefined {
    return this.audiences.find(({ connections }) => connections.has(connection));
  }

  /** @returns false when it is there already. A connection is in one audience at most */
  add(connection: Connection, readsLog: boolean): boolean {
    const { isFramed } = connection;
    if (this.audienceOf(connection)?.readsLog === readsLog) return false;
    let audience = this.audiences.find(
      (each) => each.isFramed === isFramed && each.readsLog === readsLog,
    );
    if (audience === undefined) {
      audience = new Audience(isFramed, readsLog);
      this.audiences.push(audience);
    }
    audience.connections.add(connection);
    return true;
  }

  /** @returns false when it was not there */
  delete(connection: Connection): boolean {
    const audience = this.audienceOf(connection);
    if (audience === undefined) return false;
    audience.connections.delete(connection);
    if (audience.connections.size === 0) this.audiences.splice(this.audiences.indexOf(audience), 1);
    return true;
  }
}
