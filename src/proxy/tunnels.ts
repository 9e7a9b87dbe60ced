import type { Clock, Timer } from "../core/clock.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import { EvenClosing } from "./even-closing.ts";
import type { OpenTunnel, Traffic } from "./open-tunnel.ts";
import type { ServedPool } from "./served-pool.ts";

const LONGEST_TICK_MS = 1_000;
/** Looks a side's silence over within each of its limits. */
const TICKS_PER_LIMIT = 4;

/** Where a tunnel leads. */
export interface TunnelEntry {
  readonly served: ServedPool;
  readonly backend: LiveBackend;
}

interface Kept extends TunnelEntry {
  idleSinceMs: number;
}

/** All open tunnels: one timer watches over them, so that a message costs no timer of its own. */
export class Tunnels {
  readonly #clock: Clock;
  #tick: Timer | undefined;
  #tickMs = Infinity;
  readonly #open = new Map<OpenTunnel, Kept>();
  readonly #byBackend = new Map<LiveBackend, Set<OpenTunnel>>();
  #whenEmpty: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  add(tunnel: OpenTunnel, entry: TunnelEntry): void {
    const { served, backend } = entry;
    this.#open.set(tunnel, { ...entry, idleSinceMs: this.#clock.nowMs() });
    const siblings = this.#byBackend.get(backend);
    if (siblings === undefined) this.#byBackend.set(backend, new Set([tunnel]));
    else siblings.add(tunnel);
    backend.connections++;
    const { idleMs, keepaliveMs } = served.timeouts;
    this.#tickAtLeast(Math.min(idleMs, keepaliveMs) / TICKS_PER_LIMIT);
  }

  delete(tunnel: OpenTunnel): void {
    const kept = this.#open.get(tunnel);
    if (kept === undefined) return;
    this.#open.delete(tunnel);
    kept.backend.connections--;
    const siblings = this.#byBackend.get(kept.backend);
    siblings?.delete(tunnel);
    if (siblings?.size === 0) this.#byBackend.delete(kept.backend);
    if (this.#open.size === 0) this.#whenEmpty?.();
  }

  /** Those that lead to one backend. */
  to(backend: LiveBackend): Iterable<OpenTunnel> {
    return this.#byBackend.get(backend) ?? [];
  }

  /** What has passed so far through the tunnels that are open now. */
  *traffic(): Generator<{ pool: string; fromClient: Traffic; fromBackend: Traffic }> {
    for (const [tunnel, { served }] of this.#open) {
      yield {
        pool: served.pool.name,
        fromClient: tunnel.fromClient.traffic,
        fromBackend: tunnel.fromBackend.traffic,
      };
    }
  }

  /**
   * Closes all tunnels with 1001, spread evenly over each pool's drain time. Resolves when the last
   * one is closed.
   */
  async shutDown(): Promise<void> {
    const served = new Set([...this.#open.values()].map((kept) => kept.served));
    const closings = [...served].map(
      (one) =>
        new EvenClosing({
          tunnels: () => this.#of(one),
          overMs: one.drain.overMs,
          close: (tunnel) => tunnel.close("shutting_down"),
          clock: this.#clock,
        }),
    );
    if (this.#open.size > 0) {
      await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    }
    for (const closing of closings) closing[Symbol.dispose]();
    this.#tick?.cancel();
  }

  /** Ends all that is left at once. */
  destroy(): void {
    this.#tick?.cancel();
    for (const tunnel of this.#open.keys()) tunnel.destroy();
  }

  *#of(served: ServedPool): Generator<OpenTunnel> {
    for (const [tunnel, kept] of this.#open) if (kept.served === served) yield tunnel;
  }

  /** The shortest limit of all tunnels so far sets the pace. */
  #tickAtLeast(limitMs: number): void {
    const tickMs = Math.max(1, Math.min(LONGEST_TICK_MS, limitMs));
    if (tickMs >= this.#tickMs) return;
    this.#tick?.cancel();
    this.#tickMs = tickMs;
    this.#tick = this.#clock.every(tickMs, () => this.#lookAfterAll());
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
      tunnel.keepAlive(now);
    }
  }
}
