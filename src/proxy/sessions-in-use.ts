import type { Clock, Timer } from "../core/clock.ts";
import type { SessionStore } from "../session/session-store.ts";
import { StoreError } from "../session/store-error.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import type { PickReason, ProxyObserver } from "./observer.ts";

const STEPS_PER_PERIOD = 10;

/** Where the bindings are kept. */
export interface KeptIn {
  readonly store: SessionStore;
  /** How often the binding of a session in use is refreshed. */
  readonly touchEveryMs: number;
}

export interface SessionsInUseOptions extends KeptIn {
  readonly clock: Clock;
  readonly observer: Pick<ProxyObserver, "storeFailed">;
}

/** The backend that serves the session, and why. */
interface Used {
  readonly backend: LiveBackend;
  readonly reason: PickReason;
}

const noUse = (): void => undefined;

interface Use {
  backend: LiveBackend;
  count: number;
  touchedMs: number;
}

/**
 * The sessions with open tunnels or requests here. While one is in use its binding is kept alive;
 * after its last use at this edge it is released, and kept for the grace time.
 */
export class SessionsInUse implements Disposable {
  readonly #options: SessionsInUseOptions;
  #keptIn: KeptIn;
  readonly #uses = new Map<string, Use>();
  #tick: Timer;

  constructor(options: SessionsInUseOptions) {
    this.#options = options;
    this.#keptIn = options;
    this.#tick = this.#startTick();
  }

  /** From now on. The sessions in use are told to it at their next touch. */
  keepIn(keptIn: KeptIn): void {
    this.#keptIn = keptIn;
    this.#tick.cancel();
    this.#tick = this.#startTick();
  }

  /**
   * @param session undefined when the request has none
   * @returns to be called once, at the end of the use
   */
  begin(session: string | undefined, { backend, reason }: Used): () => void {
    if (session === undefined) return noUse;
    const nowMs = this.#options.clock.nowMs();
    const use = this.#uses.get(session) ?? { backend, count: 0, touchedMs: nowMs };
    if (use.count > 0) use.backend.sessions--;
    backend.sessions++;
    use.count++;
    use.backend = backend;
    this.#uses.set(session, use);
    // A new binding is fresh; an older one is as old as the session's last use.
    if (reason === "bound") this.#touch(session, use, nowMs);
    return () => this.#end(session, use);
  }

  [Symbol.dispose](): void {
    this.#tick.cancel();
    this.#uses.clear();
  }

  #startTick(): Timer {
    const stepMs = Math.max(1, this.#keptIn.touchEveryMs / STEPS_PER_PERIOD);
    return this.#options.clock.every(stepMs, () => this.#touchDue());
  }

  #end(session: string, use: Use): void {
    if (--use.count > 0) return;
    use.backend.sessions--;
    if (this.#uses.get(session) === use) this.#uses.delete(session);
    const { store } = this.#keptIn;
    this.#tell("release", () => store.release(session, use.backend.id));
  }

  #touchDue(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [session, use] of this.#uses) {
      if (nowMs - use.touchedMs >= this.#keptIn.touchEveryMs) this.#touch(session, use, nowMs);
    }
  }

  #touch(session: string, use: Use, nowMs: number): void {
    use.touchedMs = nowMs;
    this.#tell("touch", () => this.#keptIn.store.touch(session, use.backend.id));
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
