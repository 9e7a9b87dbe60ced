export interface StoreEntry {
  readonly value: string;
  /** Another one after each write. */
  readonly version: string;
}

/**
 * The few small entries that a fleet agrees on: who is a member, and the tables of shards. A write
 * names the version that it replaces, so of two writers one wins.
 *
 * It is as strong as the broker: with JetStream in three replicas a write that was confirmed is
 * never lost; a Redis replica that takes over may not have it yet.
 */
export interface Store {
  /** All entries whose keys begin like this. It may be a little behind the last write. */
  read(prefix: string): Promise<ReadonlyMap<string, StoreEntry>>;

  /**
   * Writes one entry.
   *
   * @param expected the version that is replaced; undefined where no entry may be
   * @returns the new version, or undefined when the entry is not what was expected
   */
  write(key: string, value: string, expected: string | undefined): Promise<string | undefined>;

  /** @returns false when the entry is not what was expected */
  remove(key: string, expected: string): Promise<boolean>;
}
