import type { Clock } from "../core/clock.ts";
import type { SessionStore } from "../session/session-store.ts";
import { StoreError } from "../session/store-error.ts";
import type { ProxyObserver } from "./observer.ts";

export interface SessionLookupContext {
  readonly store: SessionStore;
  /** How long one request may wait for the store, over all of its questions. */
  readonly storeDeadlineMs: number;
  readonly clock: Clock;
  readonly observer: Pick<ProxyObserver, "storeAnswered" | "storeFailed">;
}

type Operation = "get" | "bind";

/**
 * What one request asks of the session store. A store that does not answer in time is not asked
 * again: the request goes on without it.
 */
export class SessionLookup {
  readonly #context: SessionLookupContext;
  #leftMs: number;
  #failed = false;

  constructor(context: SessionLookupContext) {
    this.#context = context;
    this.#leftMs = context.storeDeadlineMs;
  }

  /** The store did not answer: what was found is the policy's word alone. */
  get failed(): boolean {
    return this.#failed;
  }

  /** @returns undefined for an unbound session, and when the store does not answer */
  get(session: string): Promise<string | undefined> {
    return this.#ask("get", () => this.#context.store.get(session), undefined);
  }

  /** @returns the backend that holds the session now; `backendId` when the store does not answer */
  bind(session: string, backendId: string, expected: string | undefined): Promise<string> {
    const { store } = this.#context;
    return this.#ask("bind", () => store.bind(session, backendId, expected), backendId);
  }

  async #ask<T>(operation: Operation, question: () => T | Promise<T>, without: T): Promise<T> {
    if (this.#failed) return without;
    const { clock, observer } = this.#context;
    const startMs = clock.nowMs();
    try {
      const answer = question();
      const known = answer instanceof Promise ? await this.#inTime(answer) : answer;
      const tookMs = clock.nowMs() - startMs;
      this.#leftMs -= tookMs;
      observer.storeAnswered(operation, tookMs / 1000);
      return known;
    } catch (error) {
      this.#failed = true;
      observer.storeFailed(operation, error instanceof StoreError ? error.code : "internal");
      return without;
    }
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = this.#context.clock.after(Math.max(1, this.#leftMs), () => {
        reject(new StoreError("store_late", new Error("the deadline has passed")));
      });
      answer.finally(() => late.cancel()).then(resolve, reject);
    });
  }
}
