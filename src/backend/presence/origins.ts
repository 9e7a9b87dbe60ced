import type { Clock, Timer } from "../../core/clock.ts";

/** Ticks in a lease. A node beats once a tick, and is gone when it has missed this many. */
const TICKS = 5;
const MISSED = 4;

interface Origin {
  ticksLeft: number;
  /** It has said that it leaves; what still comes of it is late. */
  hasLeft: boolean;
}

export interface OriginsOptions {
  readonly leaseMs: number;
  readonly clock: Clock;
  /** Whether what others say arrives at all. */
  readonly isHearing: () => boolean;
  /** Once a tick, before anybody is missed. */
  readonly onTick: () => void;
  readonly onGone: (origin: string) => void;
}

/**
 * Which nodes live, by what is heard of them. Silence is counted in ticks of this process and not by
 * its clock, so a process that was paused for long doesn't take the others for dead; and not while
 * the broker is away.
 */
export class Origins {
  readonly #options: OriginsOptions;
  readonly #tickMs: number;
  readonly #origins = new Map<string, Origin>();
  #ticking: Timer | undefined;

  constructor(options: OriginsOptions) {
    this.#options = options;
    this.#tickMs = options.leaseMs / TICKS;
  }

  start(): void {
    this.#ticking = this.#options.clock.every(this.#tickMs, () => this.#tick());
  }

  close(): void {
    this.#ticking?.cancel();
  }

  /** Those that live. */
  get all(): readonly string[] {
    return [...this.#origins].filter(([, { hasLeft }]) => !hasLeft).map(([origin]) => origin);
  }

  /** @returns false for one that was not known */
  heard(origin: string): boolean {
    const known = this.#origins.get(origin);
    if (known === undefined) this.#origins.set(origin, { ticksLeft: MISSED, hasLeft: false });
    else if (!known.hasLeft) known.ticksLeft = MISSED;
    return known !== undefined;
  }

  /** It leaves, and its members are kept for a time. */
  left(origin: string, graceMs: number): void {
    const ticksLeft = Math.ceil(graceMs / this.#tickMs);
    this.#origins.set(origin, { ticksLeft, hasLeft: true });
  }

  /** After the broker was away: everybody has a whole lease again. */
  restored(): void {
    for (const [origin, { hasLeft }] of this.#origins) if (!hasLeft) this.heard(origin);
  }

  #tick(): void {
    this.#options.onTick();
    const isHearing = this.#options.isHearing();
    for (const [name, origin] of this.#origins) {
      if (!isHearing && !origin.hasLeft) continue;
      origin.ticksLeft--;
      if (origin.ticksLeft > 0) continue;
      this.#origins.delete(name);
      this.#options.onGone(name);
    }
  }
}
