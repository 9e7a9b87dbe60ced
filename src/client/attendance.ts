import { RingwayClientError } from "./client-error.ts";
import type { Outcome, Requests } from "./requests.ts";
import type { Retry } from "./retry.ts";

/** Calls of `join` and `leave` on one channel that wait for their turn. */
const MAX_WISHES = 100;

interface Wish {
  readonly kind: "join" | "leave" | "join again";
  /** The request. */
  readonly json: string;
  readonly settle: (error: RingwayClientError | undefined) => void;
}

export interface AttendanceSettings {
  readonly channel: string;
  readonly requests: Requests;
  readonly retry: Retry;
  readonly onLeft: () => void;
  /** The node does not let the client join again what it was in before. */
  readonly onRefused: (error: RingwayClientError) => void;
}

/**
 * Joins and leaves one channel in the order of the calls, each until the node has answered it, and
 * joins it again on each new connection.
 */
export class Attendance {
  readonly #settings: AttendanceSettings;
  readonly #wishes: Wish[] = [];
  /** The request of the join that is in force. */
  #joined: string | undefined;
  #isOpen = false;
  /** Whether the first wish is at the node. */
  #isAsking = false;

  constructor(settings: AttendanceSettings) {
    this.#settings = settings;
  }

  /** Whether messages are expected. */
  get isIn(): boolean {
    return this.#joined !== undefined || this.#wishes.length > 0;
  }

  join(json: string): Promise<void> {
    return this.#wish("join", json);
  }

  leave(json: string): Promise<void> {
    return this.#wish("leave", json);
  }

  open(): void {
    this.#isOpen = true;
    if (this.#joined !== undefined && this.#wishes[0]?.kind !== "join again") {
      const settle = (error: RingwayClientError | undefined): void => {
        if (error === undefined) return;
        this.#joined = undefined;
        this.#settings.onRefused(error);
      };
      this.#wishes.unshift({ kind: "join again", json: this.#joined, settle });
    }
    this.#next();
  }

  lose(): void {
    this.#isOpen = false;
    this.#settings.retry.cancel();
  }

  close(error: RingwayClientError): void {
    this.lose();
    for (const { kind, settle } of this.#wishes.splice(0)) if (kind !== "join again") settle(error);
  }

  /** @throws RingwayClientError what the node says, `queue_full`, `closed` */
  #wish(kind: "join" | "leave", json: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#wishes.length >= MAX_WISHES) {
        const { channel } = this.#settings;
        throw new RingwayClientError("queue_full", "too many calls wait", { channel });
      }
      const settle = (error: RingwayClientError | undefined): void => {
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#wishes.push({ kind, json, settle });
      this.#next();
    });
  }

  #next(): void {
    const wish = this.#wishes[0];
    if (wish === undefined || this.#isAsking || !this.#isOpen) return;
    if (this.#settings.retry.isWaiting) return;
    this.#isAsking = true;
    const { channel, requests } = this.#settings;
    const done = (outcome: Outcome): void => this.#answered(wish, outcome);
    requests.ask({ channel, json: wish.json, done });
  }

  #answered(wish: Wish, outcome: Outcome): void {
    const { retry } = this.#settings;
    this.#isAsking = false;
    if (outcome === "lost") return; // the next connection asks again
    const error = outcome instanceof RingwayClientError ? outcome : undefined;
    if (error?.retryable === true) {
      retry.schedule(() => this.#next());
      return;
    }
    retry.reset();
    this.#wishes.shift();
    if (error === undefined) {
      this.#joined = wish.kind === "leave" ? undefined : wish.json;
      if (wish.kind === "leave") this.#settings.onLeft();
    }
    wish.settle(error);
    this.#next();
  }
}
