import type { Backend, BackendAddress, BackendState } from "../core/backend.ts";

export interface BackendOptions {
  readonly id: string;
  readonly url: string;
  readonly address: BackendAddress;
  readonly weight: number;
}

/** By health checks; a backend that was not checked yet counts as up. */
export type Health = "unknown" | "healthy" | "unhealthy";

/** How long a backend that can't be connected to is left alone before one request tries it again. */
const RETRY_MS = 1_000;

/**
 * A backend with what the edge knows of it now. Whoever dials, checks, ejects or drains it writes
 * that here; what follows from all of it is read from `state` and `serves`.
 */
export class LiveBackend implements Backend {
  readonly id: string;
  readonly url: string;
  readonly address: BackendAddress;
  weight: number;
  connections = 0;
  load = 0;
  /** Those that are in use here now. */
  sessions = 0;
  /** Upgrades that were sent to it and are not answered yet. */
  handshakes = 0;
  health: Health = "unknown";
  isEjected = false;
  isDraining = false;
  /** When its slow start began, on the edge's clock; undefined when it takes its whole share. */
  startingSinceMs: number | undefined;
  /** Until when nobody needs to try it: the last dial has failed. */
  #retryAtMs: number | undefined;

  constructor(options: BackendOptions) {
    this.id = options.id;
    this.url = options.url;
    this.address = options.address;
    this.weight = options.weight;
  }

  get state(): BackendState {
    if (this.isDraining) return "draining";
    if (this.health === "unhealthy" || this.#retryAtMs !== undefined) return "down";
    if (this.isEjected) return "ejected";
    return this.startingSinceMs === undefined ? "up" : "starting";
  }

  get serves(): boolean {
    const { state } = this;
    return state === "up" || state === "starting";
  }

  /** One more is on its way to it. Returns how to take that back, which counts once. */
  take(): () => void {
    this.load++;
    let isTaken = true;
    return () => {
      if (isTaken) this.load--;
      isTaken = false;
    };
  }

  /** It is new, or back: sessions come to it by and by. */
  startSlowly(nowMs: number, slowStartMs: number): void {
    if (slowStartMs > 0) this.startingSinceMs = nowMs;
  }

  /** @returns the share of new sessions that it takes now, from 0 to 1: its slow start */
  shareAt(nowMs: number, slowStartMs: number): number {
    if (this.startingSinceMs === undefined) return 1;
    const share = (nowMs - this.startingSinceMs) / slowStartMs;
    if (share < 1) return share;
    this.startingSinceMs = undefined;
    return 1;
  }

  dialled(): void {
    this.#retryAtMs = undefined;
  }

  dialFailed(nowMs: number): void {
    this.#retryAtMs = nowMs + RETRY_MS;
  }

  /**
   * Of a backend that could not be connected to: whether it is time that somebody tries. Who is told
   * so is the one who does; all others wait for the outcome.
   */
  claimRetry(nowMs: number): boolean {
    if (this.#retryAtMs === undefined) return true;
    if (nowMs < this.#retryAtMs) return false;
    this.#retryAtMs = nowMs + RETRY_MS;
    return true;
  }
}
