import calculateSlot from "cluster-key-slot";
import type { Cluster } from "ioredis";
import type { Clock, Timer } from "../../core/clock.ts";
import type { RedisSubscriber } from "./redis-subscriber.ts";

/** How long a node may be away before the Cluster is asked again who holds its slots. */
const ASK_MS = 250;

export interface ClusterSubscriberOptions {
  readonly cluster: Cluster;
  /** A subscriber of one node. @param node `host:port` */
  readonly connect: (
    node: string,
    events: { readonly onChange: () => void; readonly onMoved: () => void },
  ) => RedisSubscriber;
  readonly clock: Clock;
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Sharded pub/sub of a Redis Cluster: a connection to each primary that holds slots of wanted keys.
 * Keys follow their slots when the Cluster moves them or a replica takes over.
 */
export class RedisClusterSubscriber implements AsyncDisposable {
  readonly #options: ClusterSubscriberOptions;
  readonly #nodes = new Map<string, RedisSubscriber>();
  readonly #placed = new Map<string, string>();
  readonly #refreshed = (): void => this.#place();
  #slots = "";
  #asking: Timer | undefined;
  #isClosed = false;

  constructor(options: ClusterSubscriberOptions) {
    this.#options = options;
    options.cluster.on("refresh", this.#refreshed);
  }

  get isLive(): boolean {
    return [...this.#nodes.values()].every(({ isLive }) => isLive);
  }

  async subscribe(keys: readonly string[]): Promise<void> {
    const byNode = new Map<string, string[]>();
    for (const key of keys) {
      const node = this.#nodeOf(key);
      this.#placed.set(key, node);
      const placed = byNode.get(node);
      if (placed === undefined) byNode.set(node, [key]);
      else placed.push(key);
    }
    await Promise.all(
      [...byNode].map(async ([node, placed]) => {
        const subscriber = this.#subscriberOf(node);
        for (const key of placed) subscriber.keys.add(key);
        await subscriber.tried();
        // Some may have moved on meanwhile.
        await subscriber.subscribe(placed.filter((key) => subscriber.keys.has(key)));
      }),
    );
  }

  async unsubscribe(keys: readonly string[]): Promise<void> {
    await Promise.all(
      keys.map(async (key) => {
        const node = this.#placed.get(key) ?? "";
        this.#placed.delete(key);
        await this.#nodes.get(node)?.unsubscribe([key]);
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#options.cluster.off("refresh", this.#refreshed);
    this.#asking?.cancel();
    await Promise.all([...this.#nodes.values()].map((node) => node[Symbol.asyncDispose]()));
  }

  #nodeOf(key: string): string {
    return this.#options.cluster.slots[calculateSlot(key)]?.[0] ?? "";
  }

  #subscriberOf(node: string): RedisSubscriber {
    const known = this.#nodes.get(node);
    if (known !== undefined) return known;
    const subscriber = this.#options.connect(node, {
      onChange: () => this.#nodeChanged(),
      onMoved: () => this.#ask(),
    });
    this.#nodes.set(node, subscriber);
    return subscriber;
  }

  #nodeChanged(): void {
    if (!this.isLive) this.#ask();
    this.#options.onChange();
  }

  /** Asks who holds which slots, until all nodes that are needed are there. */
  #ask(): void {
    if (this.#isClosed || this.#asking !== undefined) return;
    this.#options.cluster.refreshSlotsCache(() => undefined);
    this.#asking = this.#options.clock.after(ASK_MS, () => {
      this.#asking = undefined;
      if (!this.isLive) this.#ask();
    });
  }

  /** Moves keys whose slots have moved, and lets go of nodes that have none of them left. */
  #place(): void {
    const slots = JSON.stringify(this.#options.cluster.slots.map(([primary]) => primary));
    if (this.#isClosed || slots === this.#slots) return;
    this.#slots = slots;
    const moved = [...this.#placed].filter(([key, node]) => this.#nodeOf(key) !== node);
    for (const [key, node] of moved) this.#nodes.get(node)?.keys.delete(key);
    const placing = this.subscribe(moved.map(([key]) => key)).catch(this.#options.onError);
    const used = new Set(this.#placed.values());
    for (const [node, subscriber] of this.#nodes) {
      if (used.has(node)) continue;
      this.#nodes.delete(node);
      subscriber[Symbol.asyncDispose]().catch(this.#options.onError);
    }
    void placing.then(() => this.#options.onChange());
  }
}
