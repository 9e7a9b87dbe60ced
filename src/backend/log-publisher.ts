import type { Clock } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { LogWriter } from "./delivery/log-writer.ts";
import { encodeStored } from "./delivery/logged-message.ts";
import { Recent } from "./delivery/recent.ts";
import type { MessageKind } from "./envelope.ts";
import { FleetError } from "./fleet-error.ts";
import type { FleetStats } from "./fleet-stats.ts";
import type { Publisher } from "./publisher.ts";

export interface LogPublisherOptions {
  readonly writer: LogWriter;
  /** To who is subscribed now, at most once; it is also what tells the nodes of the entry. */
  readonly publisher: Publisher;
  /** Whether the log tells what is published once more. */
  readonly knowsIds: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: FleetStats;
  /** Sessions at this node may read. */
  readonly onLogged: (channel: string) => void;
}

export interface LogMessage {
  readonly channel: string;
  readonly id: string;
  readonly kind: MessageKind;
  readonly body: Buffer;
  /** It may have been published before, by any node. */
  readonly isAgain: boolean;
}

/** Publishes into the logs of channels, and tells of it. */
export class LogPublisher {
  readonly #options: LogPublisherOptions;
  /** Where the log can't tell, what this node has published. */
  readonly #recent = new Recent();

  constructor(options: LogPublisherOptions) {
    this.#options = options;
  }

  /** @throws FleetError `queue_full`, `not_stored` */
  async publish({ channel, id, kind, body, isAgain }: LogMessage): Promise<void> {
    const { writer, publisher, knowsIds, clock, logger, stats, onLogged } = this.#options;
    const publishedAt = clock.dateMs();
    const payload = encodeStored({ id, kind, publishedAt, body });
    const isFirst = knowsIds || (this.#recent.add(JSON.stringify([channel, id])) && !isAgain);
    const { isNew = isFirst } = await writer.append(channel, { id, payload });
    stats.stored++;
    onLogged(channel);
    // Those who hear it at most once must not hear what is published again.
    if (!isNew) return;
    try {
      await publisher.publish({ channel, kind, body, loggedId: id, publishedAt });
    } catch (error) {
      // It is in the log. Nodes look there once in a while, whether they were told or not.
      if (!(error instanceof FleetError && error.code === "queue_full")) throw error;
      logger.warn("nodes are not told of a message", { channel, cause: describeError(error) });
    }
  }
}
