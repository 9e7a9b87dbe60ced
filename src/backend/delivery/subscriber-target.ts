import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { LogGap } from "../broker/log.ts";
import type { FleetStats } from "../fleet-stats.ts";
import { Message, type Gap, type NackOptions } from "../message.ts";
import type { Consumer } from "./consumer.ts";
import type { LoggedMessage } from "./logged-message.ts";
import type { Delivery, DeliveryTarget } from "./target.ts";

/** A server-side subscriber of a channel's log. */
export interface LogSubscriber {
  readonly channel: string;
  readonly onMessage: (message: Message) => unknown;
  readonly onGap: ((gap: Gap) => unknown) | undefined;
  /** Messages that it deals with at the same time. */
  readonly concurrency: number;
  /** Messages are settled by `ack` and `nack` alone, and not by the handler's end. */
  readonly isManual: boolean;
}

export interface SubscriberTargetOptions {
  readonly subscriber: LogSubscriber;
  readonly maxInFlight: number;
  readonly maxBytes: number;
  readonly logger: Logger;
  readonly stats: FleetStats;
  readonly onReplaced: () => void;
}

/** Messages of a channel's log go to a function in this process. */
export class SubscriberTarget implements DeliveryTarget {
  readonly maxInFlight: number;
  readonly maxBytes: number;
  readonly #options: SubscriberTargetOptions;
  #consumer: Consumer | undefined;
  /** Offsets of messages that are being dealt with. */
  readonly #running = new Set<string>();
  readonly #whenIdle: (() => void)[] = [];
  #isStopped = false;

  constructor(options: SubscriberTargetOptions) {
    this.#options = options;
    this.maxInFlight = Math.max(options.maxInFlight, options.subscriber.concurrency);
    this.maxBytes = options.maxBytes;
  }

  /** What the messages are settled with. */
  use(consumer: Consumer): void {
    this.#consumer = consumer;
  }

  /** Takes no more. Resolves when nothing is being dealt with. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#running.size > 0) await new Promise<void>((idle) => this.#whenIdle.push(idle));
  }

  room(): number {
    if (this.#isStopped) return 0;
    return this.#options.subscriber.concurrency - this.#running.size;
  }

  send(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) void this.#handle(delivery);
  }

  mayRepeat({ position }: LoggedMessage): boolean {
    return !this.#running.has(position.offset);
  }

  gap({ reason, asked, resumes }: LogGap): void {
    const { subscriber, stats, logger } = this.#options;
    const { channel, onGap } = subscriber;
    try {
      onGap?.({ channel, reason, asked, resumes });
    } catch (error) {
      stats.subscriberErrors++;
      logger.error("a subscriber failed", { channel, cause: describeError(error) });
    }
  }

  replaced(): void {
    const { channel } = this.#options.subscriber;
    this.#options.logger.warn("a subscriber's session was taken over", { channel });
    this.#options.onReplaced();
  }

  async #handle({ message, deliveries }: Delivery): Promise<void> {
    const { subscriber, stats, logger } = this.#options;
    const { position, channel } = message;
    const { offset, epoch } = position;
    let isSettled = false;
    const ack = (): void => {
      isSettled = true;
      this.#consumer?.ack([offset], epoch);
    };
    const nack = ({ delay, reason }: NackOptions): void => {
      isSettled = true;
      this.#consumer?.nack({ offset, epoch, delayMs: delay, reason });
    };
    this.#running.add(offset);
    stats.delivered++;
    try {
      await subscriber.onMessage(new Message(message, { position, deliveries, ack, nack }));
      if (!isSettled && !subscriber.isManual) ack();
    } catch (error) {
      const cause = describeError(error);
      stats.subscriberErrors++;
      logger.error("a subscriber failed", { channel, cause });
      if (!isSettled) nack({ reason: cause });
    } finally {
      this.#running.delete(offset);
      if (this.#running.size === 0) for (const idle of this.#whenIdle.splice(0)) idle();
      this.#consumer?.wake();
    }
  }
}
