import type { ChannelEvents } from "./channel-events.ts";
import type { ChannelState } from "./channel-state.ts";
import { RingwayClientError } from "./client-error.ts";
import { contentJson, toJson, type Publishable } from "./content.ts";
import type { Listener } from "./events.ts";
import { randomText } from "./random-text.ts";
import type { Delivery, Member } from "./types.ts";

const KEY = /^[ -~]{1,128}$/;

export interface JoinOptions {
  /** `at-most-once` by default. */
  readonly delivery?: Delivery;
  /** Makes this client a member, with this to be told of it: what JSON can say. */
  readonly presence?: unknown;
  /** `manual`: messages are settled by `message.ack()` and `message.nack()` only. */
  readonly ack?: "auto" | "manual";
}

export interface PublishOptions {
  /** `at-most-once` by default. At least once it is sent again until the fleet has stored it. */
  readonly delivery?: Delivery;
  /**
   * Of at-least-once delivery: the fleet takes each key of a session and channel once. 1 to 128
   * printable ASCII characters; a random one by default.
   */
  readonly key?: string;
  /** Gives up; the message may have been published. */
  readonly signal?: AbortSignal;
}

export interface MembersOptions {
  /** 0 to 1,000, which is the default. */
  readonly limit?: number;
  /** The id of the last member of the page before. */
  readonly after?: string;
}

/**
 * A channel of the fleet. All calls wait for a connection if there is none, and are rejected with
 * `closed` when there will be none.
 */
export class Channel {
  readonly name: string;
  readonly #state: ChannelState;

  /** See `Client.channel`. */
  constructor(name: string, state: ChannelState) {
    this.name = name;
    this.#state = state;
  }

  /** @returns takes the listener away again */
  on<K extends keyof ChannelEvents>(name: K, listener: Listener<ChannelEvents[K]>): () => void {
    return this.#state.on(name, listener);
  }

  /**
   * From its resolution on messages come, over all reconnects. Joining again changes the options.
   *
   * @throws RingwayClientError what the node says, `forbidden` for example; `closed`, `bad_message`
   */
  async join({ delivery, presence, ack = "auto" }: JoinOptions = {}): Promise<void> {
    const json = toJson({ type: "join", channel: this.name, delivery, presence });
    await this.#state.join(json, ack === "manual");
  }

  /**
   * Also gives up what was not dealt with: a later `join` begins at the end of the log.
   *
   * @throws RingwayClientError what the node says, `closed`
   */
  async leave(): Promise<void> {
    await this.#state.leave();
  }

  /**
   * Resolves when the node has published it, at least once when the fleet has stored it. At most
   * once: is sent once, and rejected with `unconfirmed` if the connection ends before the answer.
   *
   * @throws RingwayClientError `queue_full`, `unconfirmed`, `aborted`, `closed`, `bad_message`,
   *   `bad_option`, and what the node says
   */
  async publish(
    data: Publishable,
    { delivery = "at-most-once", key, signal }: PublishOptions = {},
  ): Promise<void> {
    if (key !== undefined && !KEY.test(key)) {
      throw new RingwayClientError("bad_option", "key: use 1 to 128 printable ASCII characters");
    }
    const isKept = delivery === "at-least-once";
    const { environment } = this.#state.host;
    const head = JSON.stringify({
      ...{ type: "publish", channel: this.name, delivery },
      key: isKept ? (key ?? randomText(environment)) : undefined,
    });
    const json = `${head.slice(0, -1)},${contentJson(data).slice(1)}`;
    await this.#state.host.publish({ json, channel: this.name, isKept, signal });
  }

  /**
   * A page of the members, in the order of their ids.
   *
   * @throws RingwayClientError what the node says, `closed`
   */
  async members({ limit, after }: MembersOptions = {}): Promise<readonly Member[]> {
    return (await this.#state.members(limit, after)).members;
  }

  /** How many members there are. @throws RingwayClientError what the node says, `closed` */
  async count(): Promise<number> {
    return (await this.#state.members(0)).count;
  }
}
