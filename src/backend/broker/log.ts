/** A place in the log of a channel: behind an entry, or at the beginning. */
export interface Position {
  /** Only the broker that gave it can read it. */
  readonly offset: string;
  /** Another one after the log was lost and begun anew: offsets of different epochs do not compare. */
  readonly epoch: string;
}

export interface LogAppend {
  /** What is appended once more with the same id is the same entry, as long as the broker knows. */
  readonly id: string;
  readonly payload: Buffer;
}

export interface LogAppended {
  readonly position: Position;
  /** False: it had been appended before. Undefined where the broker can't tell. */
  readonly isNew: boolean | undefined;
}

export interface LogEntry {
  readonly position: Position;
  readonly payload: Buffer;
}

/** Entries behind the position that was asked for are not there any more. */
export interface LogGap {
  /** `trimmed`: retention passed the position; `epoch`: the log was lost and begun anew. */
  readonly reason: "trimmed" | "epoch";
  readonly asked: Position;
  /** Where what is left begins; the end of the log when nothing is. */
  readonly resumes: Position;
}

export interface LogSlice {
  readonly entries: readonly LogEntry[];
  /** Undefined when nothing is missing between the position and the first entry. */
  readonly gap: LogGap | undefined;
  /** Where to read on: behind the last entry, or where it was asked from. */
  readonly next: Position;
}

/** What was published and is kept for a time: an append-only list for each channel. */
export interface Log {
  /** Whether an entry that is appended once more is known; else who reads has to tell. */
  readonly knowsIds: boolean;

  /**
   * Appends entries in their order. Each `append` to a channel must wait for the one before.
   *
   * @returns where they are
   * @throws Error when the broker has not said that it holds all of them; it may nevertheless
   */
  append(channel: string, entries: readonly LogAppend[]): Promise<readonly LogAppended[]>;

  /** The end: what is read from here is what will be appended. */
  end(channel: string): Promise<Position>;

  /**
   * The entries behind a position, oldest first.
   *
   * @param from undefined for the oldest that is left
   * @param limit the most entries to return, at least 1
   */
  read(channel: string, from: Position | undefined, limit: number): Promise<LogSlice>;
}

/** How long a log keeps an entry: whichever ends first. */
export interface Retention {
  /** Of each channel where the broker can count by channel, else of all together. */
  readonly messages: number;
  readonly ageMs: number;
}
