import type { JetStreamClient, JetStreamManager, StoredMsg } from "@nats-io/jetstream";
import type { Log, LogEntry, LogGap, LogSlice, Position, Retention } from "./log.ts";
import { subjectToken } from "./nats-subject.ts";

export interface NatsStreamOptions {
  readonly manager: JetStreamManager;
  readonly client: JetStreamClient;
  readonly timeoutMs: number;
  readonly stream: string;
  readonly prefix: string;
}

/**
 * One stream, a subject for each channel. Offsets are the stream's sequence numbers, so those of one
 * channel have holes; its epoch is when it was created.
 */
export class NatsLog implements Log {
  readonly #options: NatsStreamOptions & { readonly retention: Retention };

  constructor(options: NatsStreamOptions & { readonly retention: Retention }) {
    this.#options = options;
  }

  async append(channel: string, payload: Buffer): Promise<Position> {
    const { client, timeoutMs } = this.#options;
    const [epoch, { seq }] = await Promise.all([
      this.#epoch(),
      client.publish(this.#subject(channel), payload, { timeout: timeoutMs }),
    ]);
    return { epoch, offset: String(seq) };
  }

  async end(channel: string): Promise<Position> {
    const { manager, stream } = this.#options;
    const { created, state } = await manager.streams.info(stream);
    const last = await this.#get({ last_by_subj: this.#subject(channel) });
    return { epoch: created, offset: String(last?.seq ?? state.last_seq) };
  }

  async read(channel: string, from: Position | undefined, limit: number): Promise<LogSlice> {
    const { manager, stream } = this.#options;
    const { created: epoch, state } = await manager.streams.info(stream);
    const isForeign = from !== undefined && from.epoch !== epoch;
    const asked = from === undefined || isForeign ? 0 : Number(from.offset);
    const entries = await this.#entries({ channel, after: asked, epoch, limit });
    const first = entries[0]?.position;
    const resumes = { epoch, offset: String(first === undefined ? state.last_seq : Number(first.offset) - 1) };
    let gap: LogGap | undefined;
    if (isForeign) gap = { reason: "epoch", asked: from, resumes };
    else if (from !== undefined && (await this.#isTrimmed(channel, asked, state.first_seq))) {
      gap = { reason: "trimmed", asked: from, resumes };
    }
    const next = entries.at(-1)?.position ?? (gap === undefined ? from : undefined) ?? resumes;
    return { entries, gap, next };
  }

  /**
   * Whether retention has dropped entries behind a sequence number. It drops the oldest of a channel
   * first: where the entry itself is left, none behind it is gone. Where it is not one of the channel,
   * it was the end of the stream when the channel was empty, and a channel that is full by now may
   * have lost some.
   */
  async #isTrimmed(channel: string, seq: number, firstSeq: number): Promise<boolean> {
    const { manager, stream, retention } = this.#options;
    const subject = this.#subject(channel);
    const held = seq === 0 ? undefined : await this.#get({ seq });
    if (held?.subject === subject) return false;
    const { state } = await manager.streams.info(stream, { subjects_filter: subject });
    const count = state.subjects?.[subject] ?? 0;
    if (count > retention.messages) return true;
    return seq > 0 && held === undefined && seq < firstSeq - 1;
  }

  async #entries({
    channel,
    after,
    epoch,
    limit,
  }: {
    readonly channel: string;
    readonly after: number;
    readonly epoch: string;
    readonly limit: number;
  }): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    const next_by_subj = this.#subject(channel);
    let seq = after + 1;
    while (entries.length < limit) {
      const message = await this.#get({ seq, next_by_subj });
      if (message === undefined) break;
      entries.push({
        position: { epoch, offset: String(message.seq) },
        payload: Buffer.from(message.data),
      });
      seq = message.seq + 1;
    }
    return entries;
  }

  /** From the stream's leader: what was confirmed is seen. */
  async #get(
    query: { seq: number } | { seq: number; next_by_subj: string } | { last_by_subj: string },
  ): Promise<StoredMsg | undefined> {
    const { manager, stream } = this.#options;
    return (await manager.streams.getMessage(stream, query)) ?? undefined;
  }

  async #epoch(): Promise<string> {
    const { manager, stream } = this.#options;
    return (await manager.streams.info(stream)).created;
  }

  #subject(channel: string): string {
    return this.#options.prefix + subjectToken(channel);
  }
}
