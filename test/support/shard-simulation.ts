import type { Bus } from "../../src/backend/broker/bus.ts";
import type { Store, StoreEntry } from "../../src/backend/broker/store.ts";
import type { ShardKind } from "../../src/backend/shards/shard-options.ts";
import { Sharding } from "../../src/backend/sharding.ts";
import type { Clock, Timer } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import type { Random } from "../../src/core/random.ts";

export const LEASE_MS = 10_000;
const LATENCY_MS = 20;
/** After that, who waits for the store gives up, whether or not it has done what was asked. */
const TIMEOUT_MS = 2_000;
/** How far clocks may run apart, both ways. */
const DRIFT = 0.08;

/** Numbers from a seed (Park and Miller 1988): the same seed makes the same history. */
export class Seeded implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed % 2_147_483_646) + 1;
    for (let i = 0; i < 8; i++) this.fraction();
  }

  fraction(): number {
    this.#state = (this.#state * 48_271) % 2_147_483_647;
    return this.#state / 2_147_483_647;
  }

  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  uuid(): string {
    return this.bytes(16).toString("hex");
  }
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Time that passes from event to event. */
class Timeline {
  nowMs = 0;
  readonly #events: Event[] = [];
  #order = 0;

  at(atMs: number, run: () => void): Event {
    const event = { atMs, order: ++this.#order, run, isCancelled: false };
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#events[middle];
      // Last first: the next event is taken off the end.
      if (other !== undefined && other.atMs > atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
    return event;
  }

  /** @returns false when nothing is left before that time */
  step(untilMs: number): boolean {
    const next = this.#events.at(-1);
    if (next === undefined || next.atMs > untilMs) {
      this.nowMs = untilMs;
      return false;
    }
    this.#events.pop();
    this.nowMs = next.atMs;
    if (!next.isCancelled) next.run();
    return true;
  }
}

/** A process: its clock runs at its own pace, and nothing happens in it while it is paused. */
export class SimulatedNode implements Clock {
  readonly id: string;
  readonly sharding: Sharding;
  isPaused = false;
  isCut = false;
  isGone = false;
  readonly #world: World;
  readonly #pace: number;
  readonly #deferred: (() => void)[] = [];

  constructor(world: World, id: string, shards: ShardKind) {
    this.id = id;
    this.#world = world;
    this.#pace = 1 + DRIFT * (2 * world.random.fraction() - 1);
    this.sharding = new Sharding({
      id,
      bus: this.#bus(),
      store: this.#store(),
      shards: { leaseMs: LEASE_MS, channels: shards },
      clock: this,
      random: world.random,
      logger: silentLogger,
      publish: () => Promise.resolve(),
    });
  }

  nowMs(): number {
    return this.#world.timeline.nowMs * this.#pace;
  }

  dateMs(): number {
    return this.nowMs();
  }

  after(delayMs: number, run: () => void): Timer {
    return this.later(delayMs / this.#pace, run);
  }

  every(periodMs: number, run: () => void): Timer {
    const again = (): void => {
      timer = this.after(periodMs, again);
      run();
    };
    let timer = this.after(periodMs, again);
    return { cancel: () => timer.cancel() };
  }

  soon(run: () => void): void {
    this.later(0, run);
  }

  resume(): void {
    this.isPaused = false;
    for (const run of this.#deferred.splice(0)) run();
  }

  /** In real time; what comes while it is paused waits for its end. */
  later(delayMs: number, run: () => void): Timer {
    const { timeline } = this.#world;
    let isCancelled = false;
    timeline.at(timeline.nowMs + delayMs, () => {
      const act = (): void => {
        if (!isCancelled && !this.isGone) run();
      };
      if (this.isPaused) this.#deferred.push(act);
      else act();
    });
    return { cancel: () => (isCancelled = true) };
  }

  #bus(): Bus {
    return {
      listen: () => undefined,
      subscribe: () => Promise.resolve(),
      unsubscribe: () => Promise.resolve(),
      publish: (messages) => {
        if (this.isCut) return Promise.reject(new Error("cut off"));
        for (const { channel, payload } of messages) this.#world.broadcast(channel, payload);
        return Promise.resolve();
      },
    };
  }

  #store(): Store {
    const { entries } = this.#world;
    return {
      read: (prefix) =>
        this.#ask(() => new Map([...entries].filter(([key]) => key.startsWith(prefix)))),
      write: (key, value, expected) =>
        this.#ask(() => {
          if (entries.get(key)?.version !== expected) return undefined;
          const version = String(++this.#world.version);
          entries.set(key, { value, version });
          return version;
        }),
      remove: (key, expected) =>
        this.#ask(() => entries.get(key)?.version === expected && entries.delete(key)),
    };
  }

  /** A request that takes time to go and to be answered, and may be lost on either way. */
  #ask<T>(act: () => T): Promise<T> {
    const { timeline, random } = this.#world;
    return new Promise((resolve, reject) => {
      const late = this.later(TIMEOUT_MS, () => reject(new Error("the store does not answer")));
      timeline.at(timeline.nowMs + random.fraction() * LATENCY_MS, () => {
        if (this.isCut) return;
        const answer = act();
        if (this.isCut) return;
        timeline.at(timeline.nowMs + random.fraction() * LATENCY_MS, () => {
          if (this.isCut) return;
          this.later(0, () => {
            late.cancel();
            resolve(answer);
          });
        });
      });
    });
  }
}

/** A store, a network and some processes, all of which may fail. */
export class World {
  readonly timeline: Timeline = new Timeline();
  readonly random: Seeded;
  readonly entries: Map<string, StoreEntry> = new Map();
  readonly nodes: SimulatedNode[] = [];
  version = 0;

  constructor(seed: number) {
    this.random = new Seeded(seed);
  }

  /** @param id of a node that is gone, or of a new one */
  start(id: string, shards: ShardKind): SimulatedNode {
    const node = new SimulatedNode(this, id, shards);
    this.nodes.push(node);
    // One that can't join in time is like one that never came.
    node.sharding.join().catch(() => this.crash(node));
    return node;
  }

  /** As `kill -9` does. */
  crash(node: SimulatedNode): void {
    if (node.isGone) return;
    node.isGone = true;
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  broadcast(channel: string, payload: Buffer): void {
    for (const node of this.nodes) {
      if (node.isCut) continue;
      node.later(this.random.fraction() * LATENCY_MS, () => {
        if (!node.isCut) node.sharding.receive(channel, payload);
      });
    }
  }

  /** @param afterEach is called when all that an event brought about has happened */
  async run(forMs: number, afterEach: () => void): Promise<void> {
    const untilMs = this.timeline.nowMs + forMs;
    await new Promise<void>((resolve) => void setImmediate(resolve));
    while (this.timeline.step(untilMs)) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
      afterEach();
    }
    afterEach();
  }
}
