import type { Clock, Timer } from "../core/clock.ts";
import type { OpenTunnel, Traffic } from "./open-tunnel.ts";

const TICK_MS = 1_000;
const SHUTDOWN_STEP_MS = 50;

/** What the edge has to know of a tunnel beside its bytes. */
export interface TunnelEntry {
  readonly pool: string;
  /** Over how long a shutdown spreads the tunnels of this pool. */
  readonly drainMs: number;
}

interface Kept extends TunnelEntry {
  idleSinceMs: number;
}

export interface TunnelsOptions {
  readonly clock: Clock;
  /** The shortest idle time-out of all pools: idleness is looked for four times in it. */
  readonly shortestIdleMs: number;
}

/** All open tunnels: one timer watches over them, so that a message costs no timer of its own. */
export class Tunnels {
  readonly #clock: Clock;
  readonly #tick: Timer;
  readonly #open = new Map<OpenTunnel, Kept>();
  #whenEmpty: (() => void) | undefined;

  constructor(options: TunnelsOptions) {
    this.#clock = options.clock;
    const period = Math.min(TICK_MS, Math.max(1, options.shortestIdleMs / 4));
    this.#tick = options.clock.every(period, () => this.#lookAfterAll());
  }

  get size(): number {
    return this.#open.size;
  }

  add(tunnel: OpenTunnel, entry: TunnelEntry): void {
    this.#open.set(tunnel, { ...entry, idleSinceMs: this.#clock.nowMs() });
  }

  delete(tunnel: OpenTunnel): void {
    this.#open.delete(tunnel);
    if (this.#open.size === 0) this.#whenEmpty?.();
  }

  /** What has passed so far through the tunnels that are open now. */
  *traffic(): Generator<{ pool: string; fromClient: Traffic; fromBackend: Traffic }> {
    for (const [tunnel, { pool }] of this.#open) {
      yield {
        pool,
        fromClient: tunnel.fromClient.traffic,
        fromBackend: tunnel.fromBackend.traffic,
      };
    }
  }

  /**
   * Closes all tunnels with 1001, spread evenly over each pool's drain time, so that their clients
   * come back a few at a time. Resolves when the last one is closed.
   */
  async shutDown(): Promise<void> {
    if (this.#open.size > 0) {
      const due = this.#schedule();
      const startMs = this.#clock.nowMs();
      const closeDue = (): void => {
        const elapsedMs = this.#clock.nowMs() - startMs;
        while ((due.at(-1)?.atMs ?? Infinity) <= elapsedMs)
          due.pop()?.tunnel.close("shutting_down");
      };
      closeDue();
      const step = this.#clock.every(SHUTDOWN_STEP_MS, closeDue);
      await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
      step.cancel();
    }
    this.#tick.cancel();
  }

  /** Ends all that is left at once. */
  destroy(): void {
    this.#tick.cancel();
    for (const tunnel of this.#open.keys()) tunnel.destroy();
  }

  /** Latest first, so that the next one is taken from the end. */
  #schedule(): { tunnel: OpenTunnel; atMs: number }[] {
    const pools = new Map<string, number>();
    for (const { pool } of this.#open.values()) pools.set(pool, (pools.get(pool) ?? 0) + 1);
    const places = new Map<string, number>();
    const due = [...this.#open].map(([tunnel, { pool, drainMs }]) => {
      const place = places.get(pool) ?? 0;
      places.set(pool, place + 1);
      return { tunnel, atMs: (drainMs * place) / (pools.get(pool) ?? 1) };
    });
    return due.sort((a, b) => b.atMs - a.atMs);
  }

  #lookAfterAll(): void {
    const now = this.#clock.nowMs();
    for (const [tunnel, kept] of this.#open) {
      const { fromClient, fromBackend } = tunnel;
      if (fromClient.active || fromBackend.active) {
        fromClient.active = false;
        fromBackend.active = false;
        kept.idleSinceMs = now;
      } else if (now - kept.idleSinceMs >= tunnel.idleMs) {
        tunnel.close("idle_timeout");
      }
    }
  }
}
