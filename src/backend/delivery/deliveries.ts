import { createHash } from "node:crypto";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Random } from "../../core/random.ts";
import type { Bus } from "../broker/bus.ts";
import type { Cursors } from "../broker/cursors.ts";
import type { Log, Position } from "../broker/log.ts";
import type { FleetStats } from "../fleet-stats.ts";
import { Consumer } from "./consumer.ts";
import { Cursor } from "./cursor.ts";
import type { DeliverySettings } from "./delivery-options.ts";
import { LogTail } from "./log-tail.ts";
import type { Burial } from "./outstanding.ts";
import type { DeliveryTarget } from "./target.ts";

/** On the bus: what one node is told of its sessions. */
const TO = "#delivery@";
/** How exact the times of redeliveries are. */
const TICK_MS = 200;

export interface DeliveriesOptions {
  /** Of this node, another one after each start. */
  readonly origin: string;
  readonly bus: Bus;
  readonly log: Log;
  readonly cursors: Cursors;
  readonly settings: Required<DeliverySettings>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly stats: FleetStats;
  /** Puts a message among the dead letters. */
  readonly bury: (burial: Burial) => Promise<void>;
}

export interface DeliveryRequest {
  readonly channel: string;
  readonly session: string;
  readonly target: DeliveryTarget;
}

/** A session's place in the log of a channel, while it is here. */
export interface OpenedDelivery {
  readonly position: Position;
  /** It was not here before, or has given its place up. */
  readonly isNew: boolean;
  readonly consumer: Consumer;
  /** @param isLeaving the session is new when it comes again */
  readonly close: (isLeaving?: boolean) => Promise<void>;
}

interface Open {
  /** Who acts for the session here: a node, and a number there. */
  readonly owner: string;
  readonly consumer: Consumer;
  readonly target: DeliveryTarget;
}

/** The sessions that messages are delivered to at least once at this node, and the logs they read. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  /** By channel. */
  readonly #tails = new Map<string, { readonly tail: LogTail; readonly users: Set<Consumer> }>();
  /** By channel and session. */
  readonly #open = new Map<string, Open>();
  /** Sessions whose places are being kept: who comes back at once waits for it. */
  readonly #closing = new Map<string, Promise<void>>();
  #serial = 0;
  readonly #ticking: Timer;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    const { clock } = options;
    this.#ticking = clock.every(TICK_MS, () => {
      const nowMs = clock.nowMs();
      for (const { consumer } of this.#open.values()) consumer.tick(nowMs);
    });
  }

  /** Sessions, each channel counted. */
  get size(): number {
    return this.#open.size;
  }

  /** Messages that were sent and are not settled. */
  get waiting(): number {
    let waiting = 0;
    for (const { consumer } of this.#open.values()) waiting += consumer.waiting;
    return waiting;
  }

  /**
   * Takes a session over from wherever it was. Nothing is sent before `consumer.wake()`.
   *
   * @throws Error when its place can't be read or written
   */
  async open({ channel, session, target }: DeliveryRequest): Promise<OpenedDelivery> {
    const { origin, log, settings, bury, cursors, clock } = this.#options;
    const key = keyOf(channel, session);
    const earlier = this.#open.get(key);
    const owner = `${origin} ${++this.#serial}`;
    const { tail, users } = this.#tailOf(channel);
    const consumer: Consumer = new Consumer({
      ...this.#options,
      session,
      tail,
      target,
      mayRepeat: !log.knowsIds,
      // Those that nobody reads there must not go round in circles.
      bury: channel === settings.deadLetters ? undefined : bury,
      cursor: new Cursor({
        cursors,
        key,
        owner,
        clock,
        onReplaced: () => this.#replaced(key, consumer),
      }),
    });
    users.add(consumer);
    this.#open.set(key, { owner, consumer, target });
    if (earlier !== undefined) {
      await earlier.consumer.close();
      earlier.target.replaced();
    }
    try {
      await this.#closing.get(key);
      const { position, before } = await consumer.open(() => log.end(channel));
      if (before !== undefined) this.#tellTaken(key, before);
      const close = (isLeaving?: boolean): Promise<void> =>
        this.#close(key, { channel, consumer }, isLeaving);
      return { position, isNew: before === undefined, consumer, close };
    } catch (error) {
      await this.#close(key, { channel, consumer });
      throw error;
    }
  }

  async start(): Promise<void> {
    const { bus, origin } = this.#options;
    await bus.subscribe([TO + origin]);
  }

  /** @returns false for what belongs to somebody else */
  receive(channel: string, payload: Buffer): boolean {
    if (channel !== TO + this.#options.origin) return false;
    const [key = "", owner = ""] = payload.toString().split("\n");
    const open = this.#open.get(key);
    if (open?.owner === owner) this.#replaced(key, open.consumer);
    return true;
  }

  /** Something was appended to the log of a channel. */
  news(channel: string): void {
    this.#tails.get(channel)?.tail.news();
  }

  /** What was appended while the broker was away may not have been told. */
  restored(): void {
    for (const { tail } of this.#tails.values()) tail.news();
  }

  /** Keeps where all sessions stand. */
  async close(): Promise<void> {
    this.#ticking.cancel();
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ consumer }) => consumer.close()));
    for (const { tail } of this.#tails.values()) tail.close();
    this.#tails.clear();
  }

  #tailOf(channel: string): { readonly tail: LogTail; readonly users: Set<Consumer> } {
    let held = this.#tails.get(channel);
    if (held === undefined) {
      held = { tail: new LogTail({ ...this.#options, channel }), users: new Set() };
      this.#tails.set(channel, held);
    }
    return held;
  }

  /** The one before stops at once, where it hears of it; else when it writes its place. */
  #tellTaken(key: string, owner: string): void {
    const { bus, origin } = this.#options;
    const [node = ""] = owner.split(" ", 1);
    if (node === origin) return; // this node has seen to it
    const payload = Buffer.from(`${key}\n${owner}`);
    bus.publish([{ channel: TO + node, payload }]).catch(() => undefined);
  }

  #replaced(key: string, consumer: Consumer): void {
    const open = this.#open.get(key);
    if (open?.consumer !== consumer) return;
    this.#open.delete(key);
    this.#options.stats.sessionsTaken++;
    consumer.stop();
    open.target.replaced();
  }

  async #close(
    key: string,
    { channel, consumer }: { readonly channel: string; readonly consumer: Consumer },
    isLeaving = false,
  ): Promise<void> {
    if (this.#open.get(key)?.consumer === consumer) this.#open.delete(key);
    const held = this.#tails.get(channel);
    held?.users.delete(consumer);
    if (held?.users.size === 0) {
      held.tail.close();
      this.#tails.delete(channel);
    }
    const closing = consumer.close(isLeaving);
    this.#closing.set(key, closing);
    await closing;
    if (this.#closing.get(key) === closing) this.#closing.delete(key);
  }
}

/** Of the characters that a channel may have, whatever the session is called. */
function keyOf(channel: string, session: string): string {
  const named = createHash("sha256").update(session).digest("base64url").slice(0, 27);
  return `${channel}/${named}`;
}
