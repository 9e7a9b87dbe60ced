import type { PubAck, StoredMsg } from "@nats-io/jetstream";
import type { Clock } from "../../core/clock.ts";
import type { Log, LogAppend, LogAppended, LogSlice, Position, Retention } from "./log.ts";
import { NatsPages, type PageRequest, type StoredEntry } from "./nats-pages.ts";
import type { NatsStreamOptions } from "./nats-stream-options.ts";
import { subjectToken } from "./nats-subject.ts";

export interface NatsLogOptions extends NatsStreamOptions {
  readonly retention: Retention;
  readonly clock: Clock;
}

/** So many entries are read one by one before a page is: that takes about ten requests, and more work. */
const FEW = 16;
/** Positions where a read has ended at its limit. */
const MAX_UNFINISHED = 1_000;
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
  readonly #options: NatsLogOptions;
  readonly #pages: NatsPages;
  /** From here on many entries are expected. */
  readonly #unfinished = new Set<string>();

  constructor(options: NatsLogOptions) {
    this.#options = options;
    this.#pages = new NatsPages(options);
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
    const subject = this.#subject(channel);
    const start = from === undefined ? 0 : startOf(from.offset);
    const [{ created: epoch, state }, guessed] = await Promise.all([
      manager.streams.info(stream),
      from && this.#next(subject, start),
    ]);
    const isMany = from !== undefined && this.#unfinished.delete(`${subject} ${from.offset}`);
    const rest = { subject, lastSeq: state.last_seq, limit, isMany };
    const isForeign = from !== undefined && from.epoch !== epoch;
    let found =
      from === undefined || isForeign
        ? await this.#readOn(await this.#next(subject, 0), rest)
        : await this.#readOn(guessed, rest);
    const isTrimmed =
      from !== undefined &&
      !isForeign &&
      (await this.#isTrimmed(channel, from.offset, state.first_seq));
    // One that was appended after the guess, and before the stream told its end.
    if (isTrimmed && found.length === 0) {
      found = await this.#readOn(await this.#next(subject, start), rest);
    }
    const resumes = {
      epoch,
      offset: found[0] ? BEFORE + String(found[0].seq) : String(state.last_seq),
    };
    const reason = isForeign ? "epoch" : "trimmed";
    const gap = isForeign || isTrimmed ? ({ reason, asked: from, resumes } as const) : undefined;
    const entries = found.map(({ seq, data }) => ({
      position: { epoch, offset: String(seq) },
      payload: Buffer.from(data),
    }));
    const next = entries.at(-1)?.position ?? (gap === undefined ? from : undefined) ?? resumes;
    if (entries.length === limit) this.#remember(`${subject} ${next.offset}`);
    return { entries, gap, next };
  }

  #remember(place: string): void {
    const unfinished = this.#unfinished.add(place);
    const [oldest = place] = unfinished;
    if (unfinished.size > MAX_UNFINISHED) unfinished.delete(oldest);
  }

  /** The first entry and those behind it, one by one if they are few. */
  async #readOn(
    first: StoredEntry | undefined,
    { subject, lastSeq, limit, isMany }: Omit<PageRequest, "seq"> & { readonly isMany: boolean },
  ): Promise<StoredEntry[]> {
    if (first === undefined) return [];
    const entries = [first];
    let last = first;
    const add = (more: readonly StoredEntry[]): void => {
      entries.push(...more);
      last = more.at(-1) ?? last;
    };
    for (let count = isMany ? FEW : 1; entries.length < limit && last.seq < lastSeq; count++) {
      const [seq, wanted] = [last.seq + 1, limit - entries.length];
      if (count % FEW === 0 && wanted >= FEW) {
        add(await this.#pages.read({ subject, seq, lastSeq, limit: wanted }));
      } else {
        const next = await this.#next(subject, seq);
        if (next === undefined) break;
        add([next]);
      }
    }
    return entries;
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

  #next(subject: string, seq: number): Promise<StoredMsg | undefined> {
    return this.#get({ seq, next_by_subj: subject });
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
