import type { Clock } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Random } from "../../core/random.ts";
import type { FleetStats } from "../fleet-stats.ts";
import type { DeliverySettings } from "./delivery-options.ts";
import type { InFlight, Item } from "./in-flight.ts";
import type { LoggedMessage } from "./logged-message.ts";
import type { Delivery, DeliveryTarget } from "./target.ts";

const LONGEST_WAIT_MS = 600_000;
const FIRST_NACK_MS = 1_000;
const LONGEST_NACK_MS = 60_000;
/** Until a message is looked at again that can't be sent now. */
const LATER_MS = 500;
const BURY_AGAIN_MS = 1_000;

/** A message that was delivered too often. */
export interface Burial {
  readonly message: LoggedMessage;
  readonly session: string;
  readonly deliveries: number;
  readonly reason: string;
}

export interface OutstandingOptions {
  readonly session: string;
  readonly target: DeliveryTarget;
  readonly settings: Required<DeliverySettings>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly stats: FleetStats;
  /** Keeps a message elsewhere; undefined for a channel whose messages are never given up. */
  readonly bury: ((burial: Burial) => Promise<void>) | undefined;
}

export interface NackRequest {
  readonly epoch: string;
  readonly offset: string;
  /** A growing one when undefined. */
  readonly delayMs?: number | undefined;
  readonly reason?: string | undefined;
}

/** What was sent to a session and is not settled: when it is sent again, and when no more. */
export class Outstanding {
  readonly inFlight: InFlight;
  readonly #options: OutstandingOptions;
  readonly #onSettled: () => void;
  #nextDueMs = Infinity;

  constructor(inFlight: InFlight, options: OutstandingOptions, onSettled: () => void) {
    this.inFlight = inFlight;
    this.#options = options;
    this.#onSettled = onSettled;
  }

  /**
   * Counts a message as sent.
   *
   * @returns what to send; undefined when it has been sent too often and goes to the dead letters
   */
  dispatch(item: Item): Delivery | undefined {
    if (item.deliveries > 0 && this.#buryIfOverdue(item)) return undefined;
    const { settings, stats, clock } = this.#options;
    item.deliveries++;
    item.refusal = "";
    item.sentMs = clock.nowMs();
    const waitMs = settings.ackTimeoutMs * 2 ** (item.deliveries - 1);
    this.#due(item, Math.min(LONGEST_WAIT_MS, waitMs));
    if (item.deliveries > 1) stats.redelivered++;
    return { message: item.message, deliveries: item.deliveries };
  }

  /** Sends again what is due. */
  tick(nowMs: number): void {
    if (nowMs < this.#nextDueMs) return;
    const { target } = this.#options;
    for (const item of this.inFlight.due(nowMs)) {
      const mayRepeat = item.refusal !== "" || target.mayRepeat(item.message, item.sentMs);
      const again = mayRepeat && target.room() > 0 ? this.dispatch(item) : undefined;
      if (again !== undefined) target.send([again]);
      else if (item.dueMs <= nowMs) item.dueMs = nowMs + LATER_MS;
    }
    this.#nextDueMs = this.inFlight.nextDueMs;
  }

  ack(offsets: readonly string[], epoch: string): void {
    if (!this.#isOf(epoch)) return;
    this.#settled(offsets.filter((offset) => this.inFlight.settle(offset)).length);
  }

  /** That one and all before it. */
  ackThrough(offset: string, epoch: string): void {
    if (this.#isOf(epoch)) this.#settled(this.inFlight.settleThrough(offset));
  }

  /** Asks for it again. */
  nack({ epoch, offset, delayMs, reason = "" }: NackRequest): void {
    const item = this.#isOf(epoch) ? this.inFlight.get(offset) : undefined;
    if (item === undefined) return;
    const { random, stats } = this.#options;
    stats.refusedByReceivers++;
    item.refusal = reason === "" ? "refused by its receiver" : reason;
    const growing = Math.min(LONGEST_NACK_MS, FIRST_NACK_MS * 2 ** (item.deliveries - 1));
    // Receivers that refuse the same message do not ask for it in step.
    const waitMs = delayMs ?? growing * (0.5 + random.fraction() / 2);
    this.#due(item, Math.min(LONGEST_WAIT_MS, waitMs));
  }

  #buryIfOverdue(item: Item): boolean {
    const { bury, settings, session, stats, logger } = this.#options;
    const { message, deliveries, refusal } = item;
    if (bury === undefined || deliveries < settings.maxDeliveries) return false;
    item.dueMs = Infinity;
    const reason = refusal === "" ? "not acknowledged in time" : refusal;
    bury({ message, session, deliveries, reason }).then(
      () => {
        stats.deadLetters++;
        this.ack([message.position.offset], message.position.epoch);
      },
      (error: unknown) => {
        logger.warn("a dead letter is not stored yet", { cause: describeError(error) });
        this.#due(item, BURY_AGAIN_MS);
      },
    );
    return true;
  }

  #due(item: Item, delayMs: number): void {
    item.dueMs = this.#options.clock.nowMs() + delayMs;
    this.#nextDueMs = Math.min(this.#nextDueMs, item.dueMs);
  }

  #settled(count: number): void {
    if (count === 0) return;
    this.#options.stats.acknowledged += count;
    this.#onSettled();
  }

  #isOf(epoch: string): boolean {
    return this.inFlight.end.epoch === epoch;
  }
}
