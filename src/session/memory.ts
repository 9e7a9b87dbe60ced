import type { Clock, Timer } from "../core/clock.ts";
import type { SessionStore } from "./session-store.ts";

const SWEEPS_PER_TTL = 10;

export interface MemorySessionsOptions {
  /** How long a session stays bound after its last use. */
  readonly ttlMs: number;
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
    this.#put(session, winner);
    return winner;
  }

  touch(session: string): void {
    const backendId = this.get(session);
    if (backendId !== undefined) this.#put(session, backendId);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#sweep.cancel();
    this.#bindings.clear();
    return Promise.resolve();
  }

  #put(session: string, backendId: string): void {
    this.#bindings.delete(session);
    this.#bindings.set(session, {
      backendId,
      expiresMs: this.#clock.nowMs() + this.#options.ttlMs,
    });
    if (this.#bindings.size <= this.#options.limit) return;
    const [oldest] = this.#bindings.keys();
    if (oldest !== undefined) this.#bindings.delete(oldest);
  }

  #forgetExpired(): void {
    const now = this.#clock.nowMs();
    for (const [session, binding] of this.#bindings) {
      if (binding.expiresMs > now) break;
      this.#bindings.delete(session);
    }
  }
}
