import type { JetStreamManager, StoredMsg } from "@nats-io/jetstream";

/** Of a message: the sequence number of the one that it replaces, 0 for none. */
export const REPLACES = "Ringway-Replaces";

/** Other nodes write in between. */
const MAX_ATTEMPTS = 10;

export interface ChainEnd {
  /** The last message that counts. */
  readonly message: StoredMsg;
  /** The last that is stored. */
  readonly lastSeq: number;
}

/**
 * Which messages of a subject count, in a cluster. There the leader checks whether the last message is
 * the one that a new one expects, and then proposes it: of several that are under way at once it
 * stores all. (Seen in nats-server 2.9.) So the log decides. Of those that replace the same message the
 * first counts; of those that replace none, only one that is the first of its subject. That is the same
 * for whoever asks and whenever, as long as the subject keeps that many.
 *
 * What does not count stays until newer ones push it out: file stores of that server do not find the
 * last message of a subject any more when the one behind it was deleted.
 */
export class NatsChain {
  readonly #manager: JetStreamManager;
  readonly #stream: string;

  constructor(manager: JetStreamManager, stream: string) {
    this.#manager = manager;
    this.#stream = stream;
  }

  /** @throws Error when the servers can't tell */
  async end(subject: string): Promise<ChainEnd | undefined> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { streams } = this.#manager;
      const last = await streams.getMessage(this.#stream, { last_by_subj: subject });
      if (last === null) return undefined;
      // Who wrote it knew that what it replaces counts.
      const replaced = replacedBy(last);
      const messages = await this.#between(subject, replaced + 1, last.seq);
      const message = replaced === 0 ? endOfAll(messages) : endBehind(replaced, messages);
      if (message !== undefined) return { message, lastSeq: last.seq };
    }
    throw new Error(`${subject} is being replaced all the time`);
  }

  /**
   * Whether a message counts that has just been stored.
   *
   * @param replaced a message that counts, or 0
   * @throws Error when the servers can't tell
   */
  async counts(subject: string, replaced: number, stored: number): Promise<boolean> {
    for (let seq = replaced + 1; ;) {
      const next = await this.#next(subject, seq);
      if (next === undefined) throw new Error("NATS does not find a message that it has confirmed");
      if (replaced === 0 || replacedBy(next) === replaced) return next.seq === stored;
      seq = next.seq + 1;
    }
  }

  async #between(subject: string, from: number, last: number): Promise<StoredMsg[]> {
    const messages: StoredMsg[] = [];
    for (let seq = from; seq <= last;) {
      const next = await this.#next(subject, seq);
      if (next === undefined) break;
      messages.push(next);
      seq = next.seq + 1;
    }
    return messages;
  }

  async #next(subject: string, seq: number): Promise<StoredMsg | undefined> {
    const query = { seq, next_by_subj: subject };
    return (await this.#manager.streams.getMessage(this.#stream, query)) ?? undefined;
  }
}

function replacedBy(message: StoredMsg): number {
  return Number(message.header.get(REPLACES));
}

/** The last that counts of those behind one that counts. */
function endBehind(replaced: number, messages: readonly StoredMsg[]): StoredMsg | undefined {
  let end: StoredMsg | undefined;
  for (const message of messages) {
    if (replacedBy(message) === (end?.seq ?? replaced)) end = message;
  }
  return end;
}

/** The same of a whole subject, whose last message replaces none. */
function endOfAll(messages: readonly StoredMsg[]): StoredMsg | undefined {
  const [first, ...others] = messages;
  if (first === undefined) return undefined;
  if (replacedBy(first) === 0) return endBehind(first.seq, others) ?? first;
  // It came late: go by the last of the others.
  const replaced = others.map(replacedBy).findLast((seq) => seq !== 0) ?? replacedBy(first);
  return endBehind(replaced, messages);
}
