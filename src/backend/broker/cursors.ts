import type { StoreEntry } from "./store.ts";

/**
 * Where sessions stand in logs: a small record for each session and channel. A write names the
 * version that it replaces, as with a `Store`. A record is kept for a time after its last write,
 * longer than what it points to.
 */
export interface Cursors {
  get(key: string): Promise<StoreEntry | undefined>;

  /**
   * @param key of the characters that a channel may have
   * @param expected the version that is replaced; undefined where no record may be
   * @returns the new version, or undefined when the record is not what was expected
   */
  write(key: string, value: string, expected: string | undefined): Promise<string | undefined>;
}

/** A record outlives the entries that it points to, so that a gap can be told. */
export const CURSOR_AGES = 2;
