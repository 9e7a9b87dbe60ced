import type { StoredMsg } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/transport-node";
import type { Cursors } from "./cursors.ts";
import { NatsChain, REPLACES, type ChainEnd } from "./nats-chain.ts";
import type { NatsStreamOptions } from "./nats-log.ts";
import { nameOfToken, subjectToken } from "./nats-subject.ts";
import type { Store, StoreEntry } from "./store.ts";

/** JetStream's "wrong last sequence": the entry is not what was expected. */
const WRONG_LAST_SEQUENCE = 10_071;
const NONE = 0;
const MAX_ATTEMPTS = 20;
/** Longer than any write is under way. */
const REMOVED_MS = 60_000;

export interface NatsStoreOptions extends NatsStreamOptions {
  readonly isClustered: boolean;
  /** Makes headers of messages. */
  readonly headers: () => MsgHdrs;
}

/**
 * A stream whose last message of each subject is an entry; versions are sequence numbers. One that is
 * empty tells that the entry was removed.
 */
export class NatsStore implements Store, Cursors {
  readonly #options: NatsStoreOptions;
  /** Of a cluster. One server checks and stores in one step. */
  readonly #chain: NatsChain | undefined;

  constructor(options: NatsStoreOptions) {
    this.#options = options;
    const { isClustered, manager, stream } = options;
    this.#chain = isClustered ? new NatsChain(manager, stream) : undefined;
  }

  async read(prefix: string): Promise<ReadonlyMap<string, StoreEntry>> {
    const { manager, stream, prefix: root } = this.#options;
    const { state } = await manager.streams.info(stream, { subjects_filter: `${root}>` });
    const keys = Object.keys(state.subjects ?? {})
      .map((subject) => nameOfToken(subject.slice(root.length)))
      .filter((key) => key.startsWith(prefix));
    const entries = new Map<string, StoreEntry>();
    const read = async (key: string): Promise<void> => {
      const end = await this.#end(key);
      if (end === undefined) return;
      const { message, lastSeq } = end;
      if (message.data.length > 0) entries.set(key, entryOf(message));
      // By the servers' clocks, as both times are.
      else if (Date.parse(state.last_ts) - message.time.getTime() > REMOVED_MS) {
        await this.#purge(key, lastSeq);
      }
    };
    await Promise.all(keys.map(read));
    return entries;
  }

  async get(key: string): Promise<StoreEntry | undefined> {
    const end = await this.#end(key);
    return end === undefined ? undefined : entryOf(end.message);
  }

  async write(
    key: string,
    value: string,
    expected: string | undefined,
  ): Promise<string | undefined> {
    if (expected !== undefined) return this.#put(key, value, Number(expected));
    if (this.#chain === undefined) {
      const version = await this.#put(key, value, NONE);
      if (version !== undefined) return version;
    }
    const held = await this.get(key);
    if (held?.value === "") return this.#put(key, value, Number(held.version));
    return held === undefined ? this.#put(key, value, NONE) : undefined;
  }

  async remove(key: string, expected: string): Promise<boolean> {
    const version = await this.#put(key, "", Number(expected));
    if (version === undefined) return false;
    // In a cluster a write over the same version may still come, and would find itself the first.
    if (this.#chain === undefined) await this.#purge(key, Number(version));
    return true;
  }

  async #put(key: string, value: string, replaced: number): Promise<string | undefined> {
    const [subject, chain] = [this.#subject(key), this.#chain];
    let last = replaced;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const seq = await this.#publish(subject, value, { replaced, last });
      if (seq === undefined) {
        // What is stored behind it may not count.
        const end = await chain?.end(subject);
        if (end?.message.seq !== replaced) return undefined;
        last = end.lastSeq;
      } else {
        const counts = chain === undefined || (await chain.counts(subject, replaced, seq));
        return counts ? String(seq) : undefined;
      }
    }
    throw new Error(`${subject} is being replaced all the time`);
  }

  /** @param last the sequence number of the last message that is stored */
  async #publish(
    subject: string,
    value: string,
    { replaced, last }: { readonly replaced: number; readonly last: number },
  ): Promise<number | undefined> {
    const { client, timeoutMs: timeout } = this.#options;
    const headers = this.#options.headers();
    headers.set(REPLACES, String(replaced));
    // That there be none is checked by each server of a cluster when it stores the message. One that
    // is refused then is counted, and a nats-server 2.9 that restarts forgets the count: its sequence
    // numbers differ from the others' from then on.
    const isChecked = this.#chain === undefined || last !== NONE;
    const expect = isChecked ? { expect: { lastSubjectSequence: last } } : {};
    try {
      return (await client.publish(subject, value, { timeout, headers, ...expect })).seq;
    } catch (error) {
      if (isApiError(error) && error.code === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  }

  async #end(key: string): Promise<ChainEnd | undefined> {
    const subject = this.#subject(key);
    if (this.#chain !== undefined) return this.#chain.end(subject);
    const { manager, stream } = this.#options;
    const message = await manager.streams.getMessage(stream, { last_by_subj: subject });
    return message === null ? undefined : { message, lastSeq: message.seq };
  }

  /** Drops what was removed, with all that led to it. */
  async #purge(key: string, lastSeq: number): Promise<void> {
    const { manager, stream } = this.#options;
    await manager.streams.purge(stream, { filter: this.#subject(key), seq: lastSeq + 1 });
  }

  #subject(key: string): string {
    return this.#options.prefix + subjectToken(key);
  }
}

function entryOf(message: StoredMsg): StoreEntry {
  return { value: message.string(), version: String(message.seq) };
}

function isApiError(error: unknown): error is { readonly code: number } {
  return error instanceof Error && "code" in error && typeof error.code === "number";
}
