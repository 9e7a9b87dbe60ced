import type { Clock } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Random } from "../../core/random.ts";
import type { Log, LogAppend, LogAppended } from "../broker/log.ts";
import { FleetError } from "../fleet-error.ts";

const MAX_BATCH_ENTRIES = 200;
const MAX_BATCH_BYTES = 1 << 20;
const SHORTEST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;

interface Waiting {
  readonly entry: LogAppend;
  readonly dueMs: number;
  readonly stored: (appended: LogAppended) => void;
  readonly refused: (error: FleetError) => void;
}

/** What waits for the log of one channel, in order. */
interface Lane {
  readonly channel: string;
  queue: Waiting[];
  failures: number;
}

export interface LogWriterOptions {
  readonly log: Log;
  /** Of entries that the log has not confirmed. */
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly storeWithinMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** The log has stopped taking entries, or takes them again. */
  readonly onChange: (isAway: boolean, cause: string) => void;
}

/**
 * Appends to logs. One batch a channel is under way at a time, so that the order stays when one has
 * to be sent again; logs know an entry by its id.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #whenEmpty: (() => void)[] = [];
  #entries = 0;
  #bytes = 0;
  #isAway = false;
  #isClosed = false;

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  /**
   * @returns resolves when the log has confirmed the entry
   * @throws FleetError `queue_full`, or `not_stored` when it was not confirmed in time
   */
  append(channel: string, entry: LogAppend): Promise<LogAppended> {
    const { maxEntries, maxBytes, storeWithinMs, clock } = this.#options;
    const size = entry.payload.length;
    const isFull = this.#entries >= maxEntries || this.#bytes + size > maxBytes;
    if (isFull && this.#entries > 0) {
      throw new FleetError(
        "queue_full",
        `${this.#entries} messages (${this.#bytes} bytes) wait for the log, and no more may: await publish, or try again later`,
      );
    }
    this.#entries++;
    this.#bytes += size;
    return new Promise((stored, refused) => {
      const waiting = { entry, dueMs: clock.nowMs() + storeWithinMs, stored, refused };
      const lane = this.#lanes.get(channel);
      if (lane !== undefined) {
        lane.queue.push(waiting);
        return;
      }
      const opened = { channel, queue: [waiting], failures: 0 };
      this.#lanes.set(channel, opened);
      clock.soon(() => void this.#run(opened));
    });
  }

  /** Resolves when nothing waits any more. */
  emptied(): Promise<void> {
    if (this.#lanes.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Refuses what still waits. */
  close(): void {
    this.#isClosed = true;
    for (const lane of this.#lanes.values()) this.#refuse(lane, "this node has left");
  }

  async #run(lane: Lane): Promise<void> {
    const { log, clock } = this.#options;
    while (lane.queue.length > 0 && !this.#isClosed) {
      const batch = nextBatch(lane.queue);
      try {
        const appended = await log.append(
          lane.channel,
          batch.map(({ entry }) => entry),
        );
        this.#stored(lane, batch, appended);
      } catch (error) {
        lane.failures++;
        const cause = describeError(error);
        this.#tell(true, cause);
        // With the first whose time is up go all behind it: stored without it, they would be out of order.
        if ((lane.queue[0]?.dueMs ?? Infinity) <= clock.nowMs()) this.#refuse(lane, cause);
        await this.#pause(lane.failures);
      }
    }
    this.#lanes.delete(lane.channel);
    if (this.#lanes.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #stored(lane: Lane, batch: readonly Waiting[], appended: readonly LogAppended[]): void {
    // Of an entry that was tried before nobody knows whether it is new; only a log that knows ids does.
    const isSure = this.#options.log.knowsIds || lane.failures === 0;
    lane.failures = 0;
    this.#tell(false, "");
    lane.queue = lane.queue.slice(batch.length);
    batch.forEach((waiting, i) => {
      this.#release(waiting);
      const { position, isNew } = appended[i] ?? {};
      if (position === undefined) waiting.refused(notStored("the log lost count"));
      else waiting.stored({ position, isNew: isSure ? isNew : false });
    });
  }

  #refuse(lane: Lane, cause: string): void {
    for (const waiting of lane.queue.splice(0)) {
      this.#release(waiting);
      waiting.refused(notStored(cause));
    }
  }

  #release({ entry }: Waiting): void {
    this.#entries--;
    this.#bytes -= entry.payload.length;
  }

  #tell(isAway: boolean, cause: string): void {
    if (isAway === this.#isAway || this.#isClosed) return;
    this.#isAway = isAway;
    this.#options.onChange(isAway, cause);
  }

  #pause(failures: number): Promise<void> {
    const { clock, random } = this.#options;
    const step = Math.min(LONGEST_RETRY_MS, SHORTEST_RETRY_MS * 2 ** Math.min(failures, 10));
    // Nodes that lost the same broker do not come back in step.
    const delayMs = step / 2 + (step / 2) * random.fraction();
    return new Promise((resolve) => void clock.after(delayMs, resolve));
  }
}

function nextBatch(queue: readonly Waiting[]): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { entry } of queue) {
    bytes += entry.payload.length;
    if (count > 0 && (count >= MAX_BATCH_ENTRIES || bytes > MAX_BATCH_BYTES)) break;
    count++;
  }
  return queue.slice(0, count);
}

function notStored(cause: string): FleetError {
  return new FleetError(
    "not_stored",
    `the log did not confirm the message in time (${cause}); it may have it: publish it again with the same key`,
  );
}
