import { randomUUID } from "node:crypto";
import { requireFace, type Broker } from "../../src/backend/broker/broker.ts";
import type { LogGap } from "../../src/backend/broker/log.ts";
import { Deliveries, type OpenedDelivery } from "../../src/backend/delivery/deliveries.ts";
import {
  defaultDelivery,
  type DeliverySettings,
} from "../../src/backend/delivery/delivery-options.ts";
import { encodeStored, type LoggedMessage } from "../../src/backend/delivery/logged-message.ts";
import type { Burial } from "../../src/backend/delivery/outstanding.ts";
import type { Delivery, DeliveryTarget } from "../../src/backend/delivery/target.ts";
import { FleetStats } from "../../src/backend/fleet-stats.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { openNode } from "./brokers.ts";
import { FakeClock } from "./fake-clock.ts";
import { whenDone } from "./when-done.ts";

export const CHANNEL = "orders";

/** A receiver whose room and liveness a test decides. */
export class FakeTarget implements DeliveryTarget {
  maxInFlight = 100;
  maxBytes = 1_000_000;
  freeRoom = Infinity;
  isAlive = true;
  isReplaced = false;
  readonly gaps: LogGap[] = [];
  readonly got: Delivery[] = [];

  /** Texts, and how often each was delivered. */
  get texts(): string[] {
    return this.got.map(({ message, deliveries }) => `${message.body.toString()}/${deliveries}`);
  }

  room(): number {
    return this.freeRoom;
  }

  send(deliveries: readonly Delivery[]): void {
    this.got.push(...deliveries);
  }

  mayRepeat(): boolean {
    return this.isAlive;
  }

  gap(gap: LogGap): void {
    this.gaps.push(gap);
  }

  replaced(): void {
    this.isReplaced = true;
  }

  /** The message with this text, as it was delivered last. */
  last(text: string): LoggedMessage {
    const found = this.got.findLast(({ message }) => message.body.toString() === text);
    if (found === undefined) throw new Error(`${text} has not come`);
    return found.message;
  }
}

/** One node's deliveries from a log in memory, on a clock that a test moves. */
export class DeliveryNode {
  readonly clock: FakeClock;
  readonly stats: FleetStats = new FleetStats();
  readonly buried: Burial[] = [];
  readonly deliveries: Deliveries;
  readonly #broker: Broker;
  #canBury = true;

  constructor(broker: Broker, clock: FakeClock, settings: DeliverySettings) {
    this.#broker = broker;
    this.clock = clock;
    this.deliveries = new Deliveries({
      origin: `node~${randomUUID()}`,
      bus: broker.bus,
      log: requireFace(broker, "log", "this test"),
      cursors: requireFace(broker, "cursors", "this test"),
      settings: { ...defaultDelivery, ...settings },
      clock,
      random: { bytes: (length) => Buffer.alloc(length), uuid: randomUUID, fraction: () => 1 },
      logger: silentLogger,
      stats: this.stats,
      bury: (burial) => {
        if (!this.#canBury) return Promise.reject(new Error("the log is away"));
        this.buried.push(burial);
        return Promise.resolve();
      },
    });
    whenDone(() => this.deliveries.close());
  }

  static async open(
    settings: DeliverySettings = {},
    { url = `memory:${randomUUID()}`, clock = new FakeClock(), messages = 1_000 } = {},
  ): Promise<DeliveryNode> {
    const retention = { messages, ageMs: 86_400_000 };
    return new DeliveryNode(await openNode(url, { clock, retention }), clock, settings);
  }

  set canBury(can: boolean) {
    this.#canBury = can;
  }

  async join(session: string, target: FakeTarget): Promise<OpenedDelivery> {
    const opened = await this.deliveries.open({ channel: CHANNEL, session, target });
    opened.consumer.wake();
    await this.settle();
    return opened;
  }

  async publish(...texts: string[]): Promise<void> {
    const log = requireFace(this.#broker, "log", "this test");
    for (const id of texts) {
      const body = Buffer.from(id);
      const payload = encodeStored({ id, kind: "text", publishedAt: 0, body });
      await log.append(CHANNEL, [{ id, payload }]);
    }
    this.deliveries.news(CHANNEL);
    await this.settle();
  }

  /** Time passes, and what it brings about happens. */
  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }

  /** All that can go on without time has gone on: the log and the cursors are in memory. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }
}
