import type { Clock, Timer } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { DiscoveredBackend, DiscoverySink, DiscoverySource } from "./discovery-source.ts";

export interface PolledSourceOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly clock: Clock;
  /** @returns undefined when nothing has changed since the last answer; throws what went wrong */
  readonly ask: () => Promise<readonly DiscoveredBackend[] | undefined>;
  readonly close?: () => void | Promise<void>;
}

/** A source that is asked in a rhythm, each time after the end of the time before. */
export class PolledSource implements DiscoverySource {
  readonly name: string;
  readonly #options: PolledSourceOptions;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: PolledSourceOptions) {
    this.name = options.name;
    this.#options = options;
  }

  start(sink: DiscoverySink): void {
    void this.#poll(sink);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#options.close?.();
  }

  async #poll(sink: DiscoverySink): Promise<void> {
    const { ask, clock, everyMs } = this.#options;
    try {
      const found = await ask();
      if (this.#isClosed) return;
      if (found !== undefined) sink.found(found);
    } catch (error) {
      if (this.#isClosed) return;
      sink.failed(describeError(error));
    }
    this.#timer = clock.after(everyMs, () => void this.#poll(sink));
  }
}
