import type { Clock } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import type { ShardTable } from "../ring/shard-map.ts";
import type { Bus } from "./broker/bus.ts";
import type { Store } from "./broker/store.ts";
import type { MessageKind } from "./envelope.ts";
import { nodeChannel, RoutedPublish } from "./routed-publish.ts";
import { Membership } from "./shards/membership.ts";
import { assignmentOf, Ownership } from "./shards/ownership.ts";
import type { ShardKind, ShardOptions } from "./shards/shard-options.ts";
import { Shards } from "./shards/shards.ts";

/** On the bus: the store has changed. */
const CHANGED = "#members";
const LEASE_MS = 10_000;

export interface ShardingOptions {
  readonly id: string;
  readonly bus: Bus;
  readonly store: Store;
  readonly shards: ShardOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Publishes a message of a channel that this node owns. */
  readonly publish: (channel: string, kind: MessageKind, body: Buffer) => Promise<void>;
}

/** All that has to do with who owns what: membership, the maps, and messages to owners. */
export class Sharding {
  readonly channels: Shards;
  readonly connections: Shards;
  readonly routed: RoutedPublish;
  readonly #options: ShardingOptions;
  readonly #membership: Membership;
  readonly #ownership: Ownership;

  constructor(options: ShardingOptions) {
    this.#options = options;
    const { id, bus, store, shards, clock, random, logger, publish } = options;
    const membership = new Membership({
      id,
      weight: shards.weight ?? 1,
      tables: { channels: tableOf(shards.channels), connections: tableOf(shards.connections) },
      leaseMs: shards.leaseMs ?? LEASE_MS,
      store,
      clock,
      random,
      logger,
      tellOthers: () => this.#tellOthers(),
      onView: (view, isNext) => {
        const assignment = assignmentOf(view, this.#ownership.current);
        this.#ownership.adopt(assignment, isNext);
        this.channels.changed(assignment);
        this.connections.changed(assignment);
      },
      onSettled: () => this.#ownership.settle(),
      onLost: () => this.#ownership.lose(),
    });
    const ownership = new Ownership(id, () => membership.isValid);
    this.#membership = membership;
    this.#ownership = ownership;
    this.channels = new Shards({ table: "channels", membership, ownership });
    this.connections = new Shards({ table: "connections", membership, ownership });
    this.routed = new RoutedPublish({
      nodeId: id,
      bus,
      clock,
      random,
      ownerOf: (channel) => this.channels.ownerOf(channel),
      isLocal: (channel) => this.channels.isLocal(channel),
      publish,
    });
  }

  get epoch(): number {
    return this.#membership.view?.epoch ?? 0;
  }

  get members(): readonly string[] {
    return (this.#membership.view?.members ?? []).map(({ id }) => id).sort();
  }

  async join(): Promise<void> {
    const { bus, id } = this.#options;
    await bus.subscribe([CHANGED, nodeChannel(id)]);
    await this.#membership.join();
  }

  /** @returns false for what belongs to somebody else */
  receive(channel: string, payload: Buffer): boolean {
    const { id, logger } = this.#options;
    if (channel === CHANGED) {
      if (payload.toString() !== id) this.#membership.lookSoon();
      return true;
    }
    if (channel !== nodeChannel(id)) return false;
    this.routed.receive(payload).catch((error: unknown) => {
      logger.warn("a node was not answered", { cause: describeError(error) });
    });
    return true;
  }

  /** What was missed while the broker was away may have been news of members. */
  restored(): void {
    this.#membership.lookSoon();
  }

  drain(): Promise<void> {
    return this.#membership.drain();
  }

  async leave(): Promise<void> {
    this.routed.close();
    await this.#membership.leave();
  }

  #tellOthers(): void {
    const { bus, id } = this.#options;
    // Without it, they find out by themselves a little later.
    bus.publish([{ channel: CHANGED, payload: Buffer.from(id) }]).catch(() => undefined);
  }
}

function tableOf(kind: ShardKind = { by: "hash" }): ShardTable {
  switch (kind.by) {
    case "hash":
      return { kind: "hash" };
    case "range": {
      const starts = [...new Set(["", ...kind.boundaries])].sort();
      return { kind: "range", ranges: starts.map((start) => ({ start })) };
    }
    case "directory":
      return { kind: "directory", owners: {} };
  }
}
