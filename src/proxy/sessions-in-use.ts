import type { Clock, Timer } from "../core/clock.ts";
import type { SessionStore } from "../session/session-store.ts";
import { StoreError } from "../session/store-error.ts";
import type { Choice, ProxyObserver } from "./observer.ts";

const STEPS_PER_PERIOD = 10;

export interface SessionsInUseOptions {
  readonly store: SessionStore;
  /** How often the binding of a session in use is refreshed. */
  readonly touchEveryMs: number;
  readonly clock: Clock;
  readonly observer: Pick<ProxyObserver, "storeFailed">;
}

const noUse = (): void => undefined;

interface Use {
  backendId: string;
  count: number;
  touchedMs: number;
}

/**
 * The sessions with open tunnels or requests here. While one is in use its binding is kept alive;
 * after its last use at this edge it is released, and kept for the grace time.
 */
export class SessionsInUse implements Disposable {
  readonly #options: SessionsInUseOptions;
  readonly #uses = new Map<string, Use>();
  readonly #tick: Timer;

  constructor(options: SessionsInUseOptions) {
    this.#options = options;
    const stepMs = Math.max(1, options.touchEveryMs / STEPS_PER_PERIOD);
    this.#tick = options.clock.every(stepMs, () => this.#touchDue());
  }

  /**
   * @param session undefined when the request has none
   * @returns to be called once, at the end of the use
   */
  begin(session: string | undefined, { backend, reason }: Choice): () => void {
    if (session === undefined) return noUse;
    const nowMs = this.#options.clock.nowMs();
    const use = this.#uses.get(session) ?? { backendId: backend, count: 0, touchedMs: nowMs };
    use.count++;
    use.backendId = backend;
    this.#uses.set(session, use);
    // A new binding is fresh; an older one is as old as the session's last use.
    if (reason === "bound") this.#touch(session, use, nowMs);
    return () => this.#end(session, use);
  }

  [Symbol.dispose](): void {
    this.#tick.cancel();
    this.#uses.clear();
  }

  #end(session: string, use: Use): void {
    if (--use.count > 0) return;
    if (this.#uses.get(session) === use) this.#uses.delete(session);
    const { store } = this.#options;
    this.#tell("release", () => store.release(session, use.backendId));
  }

  #touchDue(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [session, use] of this.#uses) {
      if (nowMs - use.touchedMs >= this.#options.touchEveryMs) this.#touch(session, use, nowMs);
    }
  }

  #touch(session: string, use: Use, nowMs: number): void {
    use.touchedMs = nowMs;
    this.#tell("touch", () => this.#options.store.touch(session, use.backendId));
  }

  /** Nobody waits for it: a failure is counted, and the next touch makes up for it. */
  #tell(operation: "touch" | "release", told: () => void | Promise<void>): void {
    const failed = (error: unknown): void => {
      const code = error instanceof StoreError ? error.code : "internal";
      this.#options.observer.storeFailed(operation, code);
    };
    try {
      const done = told();
      if (done instanceof Promise) done.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
