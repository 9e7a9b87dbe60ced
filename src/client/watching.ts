import { RingwayClientError } from "./client-error.ts";
import type { Outcome, Requests } from "./requests.ts";
import type { Retry } from "./retry.ts";

export interface WatchingSettings {
  readonly channel: string;
  readonly requests: Requests;
  readonly retry: Retry;
  readonly onRefused: (error: RingwayClientError) => void;
}

/** Has the node tell of a channel's members while somebody listens. */
export class Watching {
  readonly #settings: WatchingSettings;
  #isWanted = false;
  /** What this connection's node was told last. */
  #isOn = false;
  #isOpen = false;
  #isAsking = false;

  constructor(settings: WatchingSettings) {
    this.#settings = settings;
  }

  want(isWanted: boolean): void {
    this.#isWanted = isWanted;
    this.#follow();
  }

  open(): void {
    this.#isOpen = true;
    this.#isOn = false;
    this.#follow();
  }

  lose(): void {
    this.#isOpen = false;
    this.#settings.retry.cancel();
  }

  #follow(): void {
    const { channel, requests, retry } = this.#settings;
    const isWanted = this.#isWanted;
    if (!this.#isOpen || this.#isAsking || retry.isWaiting || isWanted === this.#isOn) return;
    this.#isAsking = true;
    const json = JSON.stringify({ type: isWanted ? "watch" : "unwatch", channel });
    requests.ask({ channel, json, done: (outcome) => this.#answered(isWanted, outcome) });
  }

  #answered(wasWanted: boolean, outcome: Outcome): void {
    const { retry, onRefused } = this.#settings;
    this.#isAsking = false;
    if (outcome === "lost") return; // the next connection asks again
    if (outcome instanceof RingwayClientError && outcome.retryable) {
      retry.schedule(() => this.#follow());
      return;
    }
    retry.reset();
    this.#isOn = wasWanted;
    if (outcome instanceof RingwayClientError) onRefused(outcome);
    this.#follow();
  }
}
