import type { Clock, Timer } from "../core/clock.ts";
import type { Bus } from "./broker/bus.ts";

/** Asked for in one go: a command of a bounded length. */
const MAX_BATCH = 500;

export interface SubscriptionsOptions {
  readonly bus: Bus;
  /** How long a channel is still heard after its last subscriber has gone. */
  readonly graceMs: number;
  readonly clock: Clock;
  /** The channel is not heard any more. */
  readonly onEnd: (channel: string) => void;
  readonly onError: (error: unknown) => void;
}

interface Asked {
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Which channels this node hears at the broker: those with local subscribers, and no other. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** Of channels that are heard, or will be: what to wait for, or null when they are. */
  readonly #wanted = new Map<string, Promise<void> | null>();
  /** When channels without subscribers end; the grace is the same for all, so this is in order. */
  readonly #idle = new Map<string, number>();
  #batch: string[] = [];
  #asked: Asked | undefined;
  #sweep: Timer | undefined;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Channels that are heard at the broker, those in their grace time among them. */
  get size(): number {
    return this.#wanted.size;
  }

  /** @returns what to wait for before messages arrive; undefined when they do */
  want(channel: string): Promise<void> | undefined {
    this.#idle.delete(channel);
    const known = this.#wanted.get(channel);
    if (known !== undefined) return known ?? undefined;
    const { done } = this.#ask(channel);
    this.#wanted.set(channel, done);
    return done;
  }

  /** Nobody here is subscribed any more. */
  release(channel: string): void {
    const { clock, graceMs } = this.#options;
    if (!this.#wanted.has(channel)) return;
    this.#idle.delete(channel);
    this.#idle.set(channel, clock.nowMs() + graceMs);
    this.#sweep ??= clock.every(Math.max(10, graceMs / 4), () => this.#endIdle());
  }

  close(): void {
    this.#sweep?.cancel();
    this.#batch = [];
    this.#asked?.resolve();
    this.#wanted.clear();
    this.#idle.clear();
  }

  #ask(channel: string): Asked {
    if (this.#asked === undefined) {
      let resolve: () => void = () => undefined;
      let reject: (error: unknown) => void = () => undefined;
      const done = new Promise<void>((ok, failed) => {
        resolve = ok;
        reject = failed;
      });
      this.#asked = { done, resolve, reject };
      this.#options.clock.soon(() => this.#send());
    }
    this.#batch.push(channel);
    const asked = this.#asked;
    if (this.#batch.length >= MAX_BATCH) this.#send();
    return asked;
  }

  #send(): void {
    const [channels, asked] = [this.#batch, this.#asked];
    if (asked === undefined) return;
    this.#batch = [];
    this.#asked = undefined;
    this.#options.bus.subscribe(channels).then(
      () => {
        for (const channel of channels) {
          if (this.#wanted.get(channel) === asked.done) this.#wanted.set(channel, null);
        }
        asked.resolve();
      },
      (error: unknown) => {
        for (const channel of channels) {
          if (this.#wanted.get(channel) === asked.done) this.#wanted.delete(channel);
        }
        // The broker may have taken some of them.
        this.#options.bus.unsubscribe(channels).catch(this.#options.onError);
        asked.reject(error);
      },
    );
  }

  #endIdle(): void {
    const { clock, bus, onEnd, onError } = this.#options;
    const ended: string[] = [];
    for (const [channel, dueMs] of this.#idle) {
      if (dueMs > clock.nowMs()) break;
      ended.push(channel);
    }
    for (const channel of ended) {
      this.#idle.delete(channel);
      this.#wanted.delete(channel);
      onEnd(channel);
    }
    for (let at = 0; at < ended.length; at += MAX_BATCH) {
      bus.unsubscribe(ended.slice(at, at + MAX_BATCH)).catch(onError);
    }
    if (this.#idle.size > 0) return;
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }
}
