import type { Clock, Timer } from "../../core/clock.ts";
import { Subscriptions } from "../subscriptions.ts";
import type { Bus } from "../broker/bus.ts";
import type { PresenceAsk, PresenceMessage } from "./presence-message.ts";
import { Watch, type PresenceListener } from "./watch.ts";
import type { Member, PresenceEvent } from "./roster.ts";

/** A channel whose members nobody has asked for is watched for this long. */
const IDLE_MS = 60_000;
/** Ticks in which each watched channel is compared with the other nodes once. */
const COMPARING_TICKS = 30;
const MAX_ASKED = 100;

/** A channel that is not complete yet. */
interface Opening {
  readonly answered: Set<string>;
  readonly late: Timer;
}

export interface WatchesOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  /** After so long a list is taken for complete, whoever has not answered. */
  readonly patienceMs: number;
  /** Where a channel's changes are told. */
  readonly topicOf: (channel: string) => string;
  /** Whether all who live are among those that have answered. */
  readonly isComplete: (answered: ReadonlySet<string>) => boolean;
  readonly ask: (question: Pick<PresenceAsk, "of" | "channels">) => void;
  /** This node's own state goes there. */
  readonly onOpen: (channel: string, watch: Watch) => void;
  readonly tell: (listener: PresenceListener, event: PresenceEvent, member: Member) => void;
  readonly onError: (error: unknown) => void;
}

/** The channels whose members this node keeps, and what has to be asked for them. */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #opening = new Map<string, Opening>();
  readonly #subscriptions: Subscriptions;
  /** By origin: channels of which something was missed. */
  readonly #missed = new Map<string, Set<string>>();
  #isAsking = false;
  #compared = 0;

  constructor(options: WatchesOptions) {
    this.#options = options;
    const { bus, clock, topicOf, onError } = options;
    this.#subscriptions = new Subscriptions({
      bus,
      graceMs: IDLE_MS,
      clock,
      onEnd: (topic) => {
        for (const channel of this.#watches.keys()) {
          if (topicOf(channel) === topic) this.#end(channel);
        }
      },
      onError,
    });
  }

  get size(): number {
    return this.#watches.size;
  }

  get(channel: string): Watch | undefined {
    return this.#watches.get(channel);
  }

  /** Keeps a channel's members from now on, until it is released and the idle time is over. */
  async open(channel: string): Promise<Watch> {
    const pending = this.#subscriptions.want(this.#options.topicOf(channel));
    let watch = this.#watches.get(channel);
    if (watch === undefined) {
      watch = new Watch(this.#options.tell);
      this.#watches.set(channel, watch);
      const { clock, patienceMs } = this.#options;
      const late = clock.after(patienceMs, () => this.#complete(channel));
      this.#opening.set(channel, { answered: new Set(), late });
      this.#options.onOpen(channel, watch);
    }
    if (pending !== undefined) {
      try {
        await pending;
      } catch (error) {
        this.#end(channel);
        throw error;
      }
    }
    if (!watch.isReady) this.#askOf(undefined, [channel]);
    this.check();
    return watch;
  }

  /** Unless somebody listens, it may end. */
  release(channel: string): void {
    if (this.#watches.get(channel)?.listeners.size === 0) {
      this.#subscriptions.release(this.#options.topicOf(channel));
    }
  }

  /** @returns whether the channel is watched */
  receive(message: Extract<PresenceMessage, { type: "changes" | "state" }>): boolean {
    const watch = this.#watches.get(message.channel);
    if (watch === undefined) return false;
    const { origin, channel } = message;
    const outcome = message.type === "changes" ? watch.change(message) : watch.state(message);
    if (outcome === "missed") this.#askSoon(origin, channel);
    else if (message.type === "state" && message.isLast) this.#missed.get(origin)?.delete(channel);
    return true;
  }

  answered(origin: string, channels: readonly string[]): void {
    const missed = this.#missed.get(origin);
    for (const channel of channels) {
      // What came was not all that was sent: it is asked for again.
      if (missed?.has(channel) !== true) this.#opening.get(channel)?.answered.add(origin);
    }
    this.check();
  }

  /** Channels that were still being opened may be complete. */
  check(): void {
    for (const [channel, { answered }] of this.#opening) {
      if (this.#options.isComplete(answered)) this.#complete(channel);
    }
  }

  /** A node that was not known has entries. */
  appeared(origin: string): void {
    this.#askOf(origin, [...this.#watches.keys()]);
  }

  gone(origin: string): void {
    this.#missed.delete(origin);
    for (const watch of this.#watches.values()) watch.drop(origin);
    this.check();
  }

  /** What was missed may be anything. */
  restored(): void {
    this.#askOf(undefined, [...this.#watches.keys()]);
  }

  /** Asks again for what did not come, and compares a few channels, whether or not it is needed. */
  tick(): void {
    this.#askMissed();
    const channels = [...this.#watches.keys()];
    const share = Math.ceil(channels.length / COMPARING_TICKS);
    const start = this.#compared % Math.max(1, channels.length);
    this.#compared = start + share;
    const due = new Set([...this.#opening.keys(), ...channels.slice(start, start + share)]);
    this.#askOf(undefined, [...due]);
  }

  close(): void {
    this.#subscriptions.close();
    for (const channel of [...this.#watches.keys()]) this.#end(channel);
  }

  #complete(channel: string): void {
    this.#opening.get(channel)?.late.cancel();
    this.#opening.delete(channel);
    this.#watches.get(channel)?.setReady();
  }

  #end(channel: string): void {
    this.#complete(channel);
    this.#watches.delete(channel);
  }

  #askSoon(origin: string, channel: string): void {
    const channels = this.#missed.get(origin) ?? new Set();
    this.#missed.set(origin, channels);
    if (channels.has(channel)) return; // it is asked for, and again with the next tick
    channels.add(channel);
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#options.clock.soon(() => {
      this.#isAsking = false;
      this.#askMissed();
    });
  }

  #askMissed(): void {
    for (const [origin, channels] of this.#missed) {
      this.#askOf(origin, [...channels]);
      if (channels.size === 0) this.#missed.delete(origin);
    }
  }

  #askOf(of: string | undefined, channels: readonly string[]): void {
    for (let at = 0; at < channels.length; at += MAX_ASKED) {
      const asked = channels.slice(at, at + MAX_ASKED).flatMap((channel) => {
        const watch = this.#watches.get(channel);
        return watch === undefined
          ? []
          : [[channel, watch.versions] as [string, Record<string, number>]];
      });
      if (asked.length > 0) this.#options.ask({ of, channels: asked });
    }
  }
}
