import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { waitAtMost } from "../core/wait-at-most.ts";
import type { Bus } from "./broker/bus.ts";
import type { Cursors } from "./broker/cursors.ts";
import type { Log } from "./broker/log.ts";
import { deadLetterOf } from "./delivery/dead-letter.ts";
import { Deliveries } from "./delivery/deliveries.ts";
import { LogWriter } from "./delivery/log-writer.ts";
import type { FleetSettings } from "./fleet-options.ts";
import type { FleetStats } from "./fleet-stats.ts";
import { LogPublisher } from "./log-publisher.ts";
import type { Publisher } from "./publisher.ts";

/** For messages that still wait for the log when the node leaves. */
const LAST_MESSAGES_MS = 2_000;

export interface AtLeastOnceOptions {
  /** Of this node, another one after each start. */
  readonly origin: string;
  readonly bus: Bus;
  readonly log: Log;
  readonly cursors: Cursors;
  readonly publisher: Publisher;
  readonly settings: FleetSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly stats: FleetStats;
}

/** All that has to do with the logs of channels: who writes there, and who reads. */
export class AtLeastOnce {
  readonly deliveries: Deliveries;
  readonly logPublisher: LogPublisher;
  readonly #writer: LogWriter;
  readonly #clock: Clock;

  constructor(options: AtLeastOnceOptions) {
    const { origin, bus, log, cursors, publisher, settings, clock, random, stats } = options;
    const { limits, delivery } = settings;
    const { logger } = settings;
    this.#clock = clock;
    this.#writer = new LogWriter({
      log,
      maxEntries: limits.queuedMessages,
      maxBytes: limits.queuedBytes,
      storeWithinMs: delivery.storeWithinMs,
      clock,
      random,
      onChange: (isAway, cause) => {
        if (isAway) logger.warn("the log takes no messages", { cause });
        else logger.info("the log takes messages again");
      },
    });
    this.logPublisher = new LogPublisher({
      writer: this.#writer,
      publisher,
      knowsIds: log.knowsIds,
      clock,
      logger,
      stats,
      onLogged: (channel) => this.deliveries.news(channel),
    });
    this.deliveries = new Deliveries({
      origin,
      bus,
      log,
      cursors,
      settings: delivery,
      clock,
      random,
      logger,
      stats,
      bury: (burial) =>
        this.logPublisher.publish({
          channel: delivery.deadLetters,
          ...deadLetterOf(burial),
          isAgain: false,
        }),
    });
  }

  /** Keeps where the sessions stand; what is not in the log yet is refused. */
  async close(): Promise<void> {
    await this.deliveries.close();
    await waitAtMost(this.#clock, LAST_MESSAGES_MS, this.#writer.emptied());
    this.#writer.close();
  }
}
