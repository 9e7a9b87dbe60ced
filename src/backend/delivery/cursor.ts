import { z } from "zod";
import type { Clock, Timer } from "../../core/clock.ts";
import type { Cursors } from "../broker/cursors.ts";
import type { Position } from "../broker/log.ts";
import type { Standing } from "./in-flight.ts";

/** Acknowledgements that come within this time are kept with one write. */
const SAVE_MS = 250;
const RETRY_MS = 1_000;
const MAX_ATTEMPTS = 20;

const place = z.object({
  /** The connection or subscriber that acts for the session. */
  owner: z.string(),
  position: z.object({ offset: z.string(), epoch: z.string() }),
  done: z.array(z.string()),
  deliveries: z.record(z.string(), z.int().nonnegative()),
});

export interface CursorOptions {
  readonly cursors: Cursors;
  readonly key: string;
  /** Unique: another one for each connection. */
  readonly owner: string;
  readonly clock: Clock;
  /** Somebody else acts for the session now. */
  readonly onReplaced: () => void;
}

/** A session that was taken over. */
export interface Taken {
  readonly standing: Standing;
  /** Who acted for it; undefined for a session that is new. */
  readonly before: string | undefined;
}

/**
 * Where one session stands on one channel, kept for the next node. The last who took it over owns
 * it: what an earlier owner still writes is refused, because its version is old.
 */
export class Cursor {
  readonly #options: CursorOptions;
  #version: string | undefined;
  /** What is to be written, made when it is. */
  #record: (() => object) | undefined;
  #timer: Timer | undefined;
  #saving: Promise<void> | undefined;
  #isReplaced = false;
  #isClosed = false;

  constructor(options: CursorOptions) {
    this.#options = options;
  }

  /**
   * Takes the session over from whoever had it.
   *
   * @param begin the position of a session that was not here before
   */
  async open(begin: () => Promise<Position>): Promise<Taken> {
    const { cursors, key, owner } = this.#options;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const entry = await cursors.get(key);
      const held = entry === undefined ? undefined : parse(entry.value);
      const standing = held ?? { position: await begin(), done: [], deliveries: {} };
      const value = JSON.stringify({ ...standing, owner });
      this.#version = await cursors.write(key, value, entry?.version);
      if (this.#version !== undefined) return { standing, before: held?.owner };
    }
    throw new Error("others took the session over all the time");
  }

  /** Something was acknowledged. @param standing is asked when it is written */
  changed(standing: () => Standing): void {
    if (this.#isClosed || this.#isReplaced) return;
    this.#record = () => ({ ...standing(), owner: this.#options.owner });
    this.#saveSoon();
  }

  #saveSoon(): void {
    if (this.#isClosed || this.#isReplaced) return;
    this.#timer ??= this.#options.clock.after(SAVE_MS, () => void this.#save());
  }

  /** Writes where the session stands for the last time. @param standing undefined: it was not opened */
  async close(standing: Standing | undefined): Promise<void> {
    await this.#end(
      standing === undefined ? undefined : { ...standing, owner: this.#options.owner },
    );
  }

  /** The session is new when it comes again. */
  async forget(): Promise<void> {
    await this.#end({});
  }

  async #end(last: object | undefined): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#saving;
    if (this.#isReplaced || last === undefined) return;
    this.#record = () => last;
    await this.#write().catch(() => undefined); // then the last ones are delivered again
  }

  #save(): Promise<void> {
    this.#saving ??= this.#write()
      .then(
        () => (this.#timer = undefined),
        () => {
          if (this.#isClosed) return;
          this.#timer = this.#options.clock.after(RETRY_MS, () => void this.#save());
        },
      )
      .then(() => {
        this.#saving = undefined;
        if (this.#record !== undefined) this.#saveSoon();
      });
    return this.#saving;
  }

  async #write(): Promise<void> {
    const { cursors, key, owner, onReplaced } = this.#options;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const record = this.#record;
      if (record === undefined) return;
      const value = JSON.stringify(record());
      const version = await cursors.write(key, value, this.#version);
      if (version !== undefined) {
        this.#version = version;
        if (this.#record === record) this.#record = undefined;
        return;
      }
      const entry = await cursors.get(key);
      const held = entry === undefined ? undefined : parse(entry.value);
      if (held !== undefined && held.owner !== owner) {
        this.#isReplaced = true;
        this.#record = undefined;
        onReplaced();
        return;
      }
      // The store has lost it, or a write of ours was confirmed to nobody.
      this.#version = entry?.version;
    }
  }
}

function parse(value: string): z.infer<typeof place> | undefined {
  try {
    return place.parse(JSON.parse(value));
  } catch {
    return undefined;
  }
}
