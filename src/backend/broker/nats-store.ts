import type { NatsStreamOptions } from "./nats-log.ts";
import type { Cursors } from "./cursors.ts";
import { nameOfToken, subjectToken } from "./nats-subject.ts";
import type { Store, StoreEntry } from "./store.ts";

/** JetStream's "wrong last sequence": the entry is not what was expected. */
const WRONG_LAST_SEQUENCE = 10_071;
const NONE = "0";

/** A stream that keeps the last message of each subject; versions are sequence numbers. */
export class NatsStore implements Store, Cursors {
  readonly #options: NatsStreamOptions;

  constructor(options: NatsStreamOptions) {
    this.#options = options;
  }

  async read(prefix: string): Promise<ReadonlyMap<string, StoreEntry>> {
    const { manager, stream, prefix: root } = this.#options;
    const { state } = await manager.streams.info(stream, { subjects_filter: `${root}>` });
    const keys = Object.keys(state.subjects ?? {})
      .map((subject) => nameOfToken(subject.slice(root.length)))
      .filter((key) => key.startsWith(prefix));
    const found = await Promise.all(keys.map(async (key) => [key, await this.get(key)] as const));
    return new Map(found.flatMap(([key, entry]) => (entry?.value ? [[key, entry]] : [])));
  }

  async write(
    key: string,
    value: string,
    expected: string | undefined,
  ): Promise<string | undefined> {
    const version = await this.#put(key, value, expected ?? NONE);
    if (version !== undefined || expected !== undefined) return version;
    // What was removed has left an empty message behind.
    const held = await this.get(key);
    return held?.value === "" ? this.#put(key, value, held.version) : undefined;
  }

  async remove(key: string, expected: string): Promise<boolean> {
    const version = await this.#put(key, "", expected);
    if (version === undefined) return false;
    const { manager, stream } = this.#options;
    // Nobody needs the empty message; seq is the first that is kept.
    await manager.streams.purge(stream, { filter: this.#subject(key), seq: Number(version) + 1 });
    return true;
  }

  async #put(key: string, value: string, expected: string): Promise<string | undefined> {
    const { client, timeoutMs } = this.#options;
    try {
      const { seq } = await client.publish(this.#subject(key), value, {
        timeout: timeoutMs,
        expect: { lastSubjectSequence: Number(expected) },
      });
      return String(seq);
    } catch (error) {
      if (isApiError(error) && error.code === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  }

  async get(key: string): Promise<StoreEntry | undefined> {
    const { manager, stream } = this.#options;
    const message = await manager.streams.getMessage(stream, { last_by_subj: this.#subject(key) });
    if (message === null) return undefined;
    return { value: message.string(), version: String(message.seq) };
  }

  #subject(key: string): string {
    return this.#options.prefix + subjectToken(key);
  }
}

function isApiError(error: unknown): error is { readonly code: number } {
  return error instanceof Error && "code" in error && typeof error.code === "number";
}
