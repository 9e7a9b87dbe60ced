import { FleetError } from "../fleet-error.ts";
import type { Member, PresenceEvent } from "./roster.ts";
import type { PresenceListener, Watch } from "./watch.ts";
import type { Watches } from "./watches.ts";

const MAX_PAGE = 1_000_000;

export interface MembersOptions {
  /** At most so many; all by default. */
  readonly limit?: number;
  /** The id of the last member of the page before. */
  readonly after?: string;
}

/** Listens until it is ended. */
export interface PresenceSubscription {
  /** Resolves when the list is complete: from then on events are told. */
  readonly ready: Promise<void>;
  end(): void;
}

/** Who is in one channel. */
export class ChannelPresence {
  readonly #channel: string;
  readonly #watches: Watches;

  /** See `Channel.presence`. */
  constructor(channel: string, watches: Watches) {
    this.#channel = channel;
    this.#watches = watches;
  }

  /**
   * The members by the order of their ids, the same on every node. The first call asks all nodes;
   * for a minute after the last one the list is kept up to date here.
   *
   * @throws FleetError `bad_message` for a limit that is none
   */
  async members({ limit = MAX_PAGE, after }: MembersOptions = {}): Promise<readonly Member[]> {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new FleetError("bad_message", "members: limit must be a whole number above 0");
    }
    return this.#look((watch) => watch.page(after, limit));
  }

  /** How many members there are. */
  async count(): Promise<number> {
    return this.#look((watch) => watch.size);
  }

  /** Calls a function for each `join`, `leave` or `update` of a member. */
  on(event: PresenceEvent, listener: (member: Member) => void): PresenceSubscription {
    return this.observe((what, member) => {
      if (what === event) listener(member);
    });
  }

  /** Calls a function for each event, in order. */
  observe(listener: PresenceListener): PresenceSubscription {
    const opened = this.#watches.open(this.#channel);
    this.#watches.get(this.#channel)?.listeners.add(listener);
    const ready = opened.then((watch) => watch.ready());
    ready.catch(() => undefined); // whoever waits for it hears of it
    return {
      ready,
      end: () => {
        this.#watches.get(this.#channel)?.listeners.delete(listener);
        this.#watches.release(this.#channel);
      },
    };
  }

  async #look<T>(read: (watch: Watch) => T): Promise<T> {
    const watch = await this.#watches.open(this.#channel);
    await watch.ready();
    const found = read(watch);
    this.#watches.release(this.#channel);
    return found;
  }
}
