import type { JetStreamClient, JetStreamManager, PubAck, StoredMsg } from "@nats-io/jetstream";
import type {
  Log,
  LogAppend,
  LogAppended,
  LogEntry,
  LogGap,
  LogSlice,
  Position,
  Retention,
} from "./log.ts";
import { subjectToken } from "./nats-subject.ts";

export interface NatsStreamOptions {
  readonly manager: JetStreamManager;
  readonly client: JetStreamClient;
  readonly timeoutMs: number;
  readonly stream: string;
  readonly prefix: string;
}

/** An offset right before an entry, and not behind one. */
const BEFORE = "<";

/**
 * One stream, a subject for each channel. An offset is the sequence number of an entry, and the
 * position is behind it; `<` and a number is right before it. The stream's numbers have holes for a
 * channel, so only an entry that is still there tells that nothing behind it is gone. The epoch is
 * when the stream was created.
 */
export class NatsLog implements Log {
  readonly knowsIds = true;
  readonly #options: NatsStreamOptions & { readonly retention: Retention };

  constructor(options: NatsStreamOptions & { readonly retention: Retention }) {
    this.#options = options;
  }

  async append(channel: string, entries: readonly LogAppend[]): Promise<readonly LogAppended[]> {
    const { client, timeoutMs: timeout } = this.#options;
    const subject = this.#subject(channel);
    const asked = this.#epoch();
    asked.catch(() => undefined); // the appends may fail before
    const acks: PubAck[] = [];
    // One after the other: of two that are under way the first may fail and the second be stored.
    for (const { id, payload } of entries) {
      const msgID = `${subject} ${id}`;
      acks.push(await client.publish(subject, payload, { timeout, msgID }));
    }
    const epoch = await asked;
    return acks.map(({ seq, duplicate }) => ({
      position: { epoch, offset: String(seq) },
      isNew: !duplicate,
    }));
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
    const start = from === undefined || isForeign ? 0 : startOf(from.offset);
    const entries = await this.#entries({ channel, start, epoch, limit });
    const first = entries[0]?.position.offset;
    const resumes = {
      epoch,
      offset: first === undefined ? String(state.last_seq) : BEFORE + first,
    };
    let gap: LogGap | undefined;
    if (isForeign) gap = { reason: "epoch", asked: from, resumes };
    else if (from !== undefined && (await this.#isTrimmed(channel, from.offset, state.first_seq))) {
      gap = { reason: "trimmed", asked: from, resumes };
    }
    const next = entries.at(-1)?.position ?? (gap === undefined ? from : undefined) ?? resumes;
    return { entries, gap, next };
  }

  /**
   * Whether retention has dropped entries behind an offset. It drops the oldest of a channel first:
   * where the entry itself is left, none behind it is gone. Where it is not one of the channel, it was
   * the end of the stream when the channel was empty, and a channel that is full by now may have lost
   * some.
   */
  async #isTrimmed(channel: string, offset: string, firstSeq: number): Promise<boolean> {
    const { manager, stream, retention } = this.#options;
    const subject = this.#subject(channel);
    const isBefore = offset.startsWith(BEFORE);
    const seq = Number(isBefore ? offset.slice(BEFORE.length) : offset);
    const held = seq === 0 ? undefined : await this.#get({ seq });
    if (held?.subject === subject) return false;
    if (isBefore) return true;
    const { state } = await manager.streams.info(stream, { subjects_filter: subject });
    const count = state.subjects?.[subject] ?? 0;
    if (count > retention.messages) return true;
    return seq > 0 && held === undefined && seq < firstSeq - 1;
  }

  async #entries({
    channel,
    start,
    epoch,
    limit,
  }: {
    readonly channel: string;
    readonly start: number;
    readonly epoch: string;
    readonly limit: number;
  }): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    const next_by_subj = this.#subject(channel);
    let seq = start;
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

/** The sequence number of the first entry behind an offset, or of one before it. */
function startOf(offset: string): number {
  return offset.startsWith(BEFORE) ? Number(offset.slice(BEFORE.length)) : Number(offset) + 1;
}
