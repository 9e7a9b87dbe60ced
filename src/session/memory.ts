import type { Clock, Timer } from "../core/clock.ts";
import type { SessionStore } from "./session-store.ts";

const SWEEPS_PER_TTL = 10;

export interface MemorySessionsOptions {
  /** How long a session stays bound after its last use. */
  readonly ttlMs: number;
  /** The same after its last tunnel has ended; 0 unbinds it at once. */
  readonly graceMs: number;
  /** The most sessions to remember; the one unused for the longest is forgotten first. */
  readonly limit: number;
}

interface Binding {
  readonly backendId: string;
  readonly expiresMs: number;
}

/** Sessions of one process. */
export class MemorySessions implements SessionStore {
  readonly #options: MemorySessionsOptions;
  readonly #clock: Clock;
  readonly #sweep: Timer;
  /** In order of last use: a Map keeps insertion order, and every use inserts anew. */
  readonly #bindings = new Map<string, Binding>();

  constructor(options: MemorySessionsOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#sweep = clock.every(Math.max(1, options.ttlMs / SWEEPS_PER_TTL), () => {
      this.#forgetExpired();
    });
  }

  get(session: string): string | undefined {
    const binding = this.#bindings.get(session);
    if (binding === undefined) return undefined;
    if (binding.expiresMs > this.#clock.nowMs()) return binding.backendId;
    this.#bindings.delete(session);
    return undefined;
  }

  bind(session: string, backendId: string, expected: string | undefined): string {
    const holder = this.get(session);
    const winner = holder === expected ? backendId : (holder ?? backendId);
    this.#put(session, winner, this.#options.ttlMs);
    return winner;
  }

  touch(session: string, backendId: string): void {
    this.#put(session, this.get(session) ?? backendId, this.#options.ttlMs);
  }

  release(session: string, backendId: string): void {
    if (this.get(session) !== backendId) return;
    if (this.#options.graceMs === 0) this.#bindings.delete(session);
    else this.#put(session, backendId, this.#options.graceMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#sweep.cancel();
    this.#bindings.clear();
    return Promise.resolve();
  }

  #put(session: string, backendId: string, lifeMs: number): void {
    this.#bindings.delete(session);
    this.#bindings.set(session, {
      backendId,
      expiresMs: this.#clock.nowMs() + lifeMs,
    });
    if (this.#bindings.size <= this.#options.limit) return;
    const [oldest] = this.#bindings.keys();
    if (oldest !== undefined) this.#bindings.delete(oldest);
  }

  /** One with a shorter grace time may wait behind one that lives longer; `get` knows better. */
  #forgetExpired(): void {
    const now = this.#clock.nowMs();
    for (const [session, binding] of this.#bindings) {
      if (binding.expiresMs > now) break;
      this.#bindings.delete(session);
    }
  }
}
