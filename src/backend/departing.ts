import type { Clock } from "../core/clock.ts";
import type { Connection } from "./connection.ts";

/** RFC 6455 §7.4.1 and the IANA registry: the service restarts, connect again. */
export const SERVICE_RESTART = 1012;
/** For the answer to a Close; then the connection is cut. */
const ANSWER_MS = 2_000;
const STEP_MS = 20;

/** Sends clients away: first they may go by themselves, then they are closed a few at a time. */
export class Departing {
  readonly #connections: ReadonlySet<Connection>;
  readonly #clock: Clock;

  constructor(connections: ReadonlySet<Connection>, clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
  }

  /** Resolves when no connection is left. */
  async run({
    waitMs,
    overMs,
  }: {
    readonly waitMs: number;
    readonly overMs: number;
  }): Promise<void> {
    await this.#gone(waitMs);
    const all = [...this.#connections];
    const startMs = this.#clock.nowMs();
    let closed = 0;
    while (closed < all.length) {
      const passed = overMs === 0 ? 1 : Math.min(1, (this.#clock.nowMs() - startMs) / overMs);
      for (const due = Math.ceil(passed * all.length); closed < due; closed++) {
        all[closed]?.socket.close(SERVICE_RESTART, "This node is leaving. Connect again.");
      }
      if (closed < all.length) await this.#pause(STEP_MS);
    }
    await this.#gone(ANSWER_MS);
    for (const { socket } of this.#connections) socket.terminate();
    await this.#gone(ANSWER_MS);
  }

  /** Resolves when no connection is left, or the time is over. */
  async #gone(withinMs: number): Promise<void> {
    const endMs = this.#clock.nowMs() + withinMs;
    while (this.#connections.size > 0 && this.#clock.nowMs() < endMs) await this.#pause(STEP_MS);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}
