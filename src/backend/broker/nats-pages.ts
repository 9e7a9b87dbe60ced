import type { ConsumerInfo } from "@nats-io/jetstream";
import type { Clock } from "../../core/clock.ts";
import type { NatsStreamOptions } from "./nats-stream-options.ts";
import { Turns } from "./turns.ts";

/** Of one node. More would only share the same server, and run out of time together. */
const MAX_AT_ONCE = 8;
/** A consumer that is not deleted, because this process died, is dropped by the server after so long. */
const IDLE_NANOS = 10_000_000_000;

export interface StoredEntry {
  readonly seq: number;
  readonly data: Uint8Array;
}

export interface PageRequest {
  readonly subject: string;
  /** The first sequence number that may be among them. */
  readonly seq: number;
  /** The last of the stream. */
  readonly lastSeq: number;
  readonly limit: number;
}

/** Reads many messages of a subject with a few requests: by a consumer that lives for one page. */
export class NatsPages {
  readonly #options: NatsStreamOptions & { readonly clock: Clock };
  readonly #turns = new Turns(MAX_AT_ONCE);

  constructor(options: NatsStreamOptions & { readonly clock: Clock }) {
    this.#options = options;
  }

  /**
   * @returns the next messages of the subject, none between them left out. It may be fewer than there
   *   are: a consumer lives on any server of a cluster, which may be behind the leader.
   * @throws Error when there are some and none has come
   */
  read(request: PageRequest): Promise<StoredEntry[]> {
    return this.#turns.take(() => this.#read(request));
  }

  async #read({ subject, seq, lastSeq, limit }: PageRequest): Promise<StoredEntry[]> {
    return this.#withConsumer(seq, subject, async (filtered) => {
      const { num_pending: pending } = filtered;
      if (pending === 0) return [];
      const span = lastSeq - seq + 1;
      if (pending < span / 2) {
        return this.#fetch(filtered, { subject, count: Math.min(limit, pending) });
      }
      // Where most messages are of this subject, a nats-server 2.9 is ten times slower with a filter.
      const count = Math.min(span, Math.ceil((limit * span) / pending));
      const all = await this.#withConsumer(seq, undefined, (unfiltered) =>
        this.#fetch(unfiltered, { subject, count }),
      );
      return all.slice(0, limit);
    });
  }

  async #withConsumer<T>(
    seq: number,
    filter: string | undefined,
    use: (consumer: ConsumerInfo) => Promise<T>,
  ): Promise<T> {
    const { manager, stream } = this.#options;
    const consumer = await manager.consumers.add(stream, {
      ...(filter !== undefined && { filter_subject: filter }),
      deliver_policy: "by_start_sequence",
      opt_start_seq: seq,
      ack_policy: "none",
      inactive_threshold: IDLE_NANOS,
      mem_storage: true,
      num_replicas: 1,
    });
    try {
      return await use(consumer);
    } finally {
      manager.consumers.delete(stream, consumer.name).catch(() => undefined); // then it is dropped
    }
  }

  async #fetch(
    info: ConsumerInfo,
    { subject, count }: { readonly subject: string; readonly count: number },
  ): Promise<StoredEntry[]> {
    const { client, clock, timeoutMs } = this.#options;
    const consumer = client.consumers.getConsumerFromInfo(info);
    const messages = await consumer.fetch({ max_messages: count, expires: timeoutMs });
    // After a loss of the connection it would ask again, and wait for as long as it takes.
    const late = clock.after(timeoutMs, () => void messages.close());
    const entries: StoredEntry[] = [];
    let delivered = 0;
    try {
      for await (const { info: delivery, seq, subject: of, data } of messages) {
        if (delivery.deliverySequence !== delivered + 1) break;
        delivered++;
        if (of === subject) entries.push({ seq, data });
      }
    } finally {
      late.cancel();
    }
    if (delivered === 0) throw new Error("NATS did not send what it holds in time");
    return entries;
  }
}
