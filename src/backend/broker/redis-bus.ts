import calculateSlot from "cluster-key-slot";
import { Cluster, type ChainableCommander, type Redis } from "ioredis";
import { describeError } from "../../core/errors.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import type { Bus, BusListener, BusMessage } from "./bus.ts";
import type { RedisClusterSubscriber } from "./redis-cluster-subscriber.ts";
import type { RedisSubscriber } from "./redis-subscriber.ts";

/** A node that is reached again, or not, in a while: commands would wait for it. */
const GONE: readonly string[] = ["close", "reconnecting", "end"] satisfies Redis["status"][];

/** PUBLISH and SUBSCRIBE; on a Cluster SPUBLISH and SSUBSCRIBE, which stay within one shard. */
export class RedisBus implements Bus {
  readonly #publisher: RedisConnection;
  readonly #prefix: string;
  #subscriber: RedisSubscriber | RedisClusterSubscriber | undefined;
  #listener: BusListener | undefined;
  #isInterrupted = false;

  constructor(publisher: RedisConnection, prefix: string) {
    this.#publisher = publisher;
    this.#prefix = prefix;
  }

  /** The subscriber tells of its messages and changes by the two methods that follow. */
  use(subscriber: RedisSubscriber | RedisClusterSubscriber): void {
    this.#subscriber = subscriber;
  }

  received(key: string, payload: Buffer): void {
    this.#listener?.received(key.slice(this.#prefix.length), payload);
  }

  changed(): void {
    const isInterrupted = this.#subscriber?.isLive === false;
    if (isInterrupted === this.#isInterrupted) return;
    this.#isInterrupted = isInterrupted;
    if (isInterrupted) this.#listener?.interrupted("the connection to Redis was lost");
    else this.#listener?.restored();
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
  }

  async publish(messages: readonly BusMessage[]): Promise<void> {
    const { client } = this.#publisher;
    if (!(client instanceof Cluster)) {
      await this.#send(client.pipeline(), messages);
      return;
    }
    // The client's own way to the right node may overtake itself: messages would change places.
    const byNode = new Map<Redis, BusMessage[]>();
    for (const message of messages) {
      const node = this.#nodeOf(client, message.channel);
      const others = byNode.get(node);
      if (others === undefined) byNode.set(node, [message]);
      else others.push(message);
    }
    try {
      await Promise.all([...byNode].map(([node, some]) => this.#send(node.pipeline(), some)));
    } catch (error) {
      client.refreshSlotsCache();
      throw error;
    }
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await this.#subscriber?.subscribe(channels.map((channel) => this.#prefix + channel));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await this.#subscriber?.unsubscribe(channels.map((channel) => this.#prefix + channel));
  }

  /** @throws Error for the first message that was not taken */
  async #send(pipeline: ChainableCommander, messages: readonly BusMessage[]): Promise<void> {
    const isSharded = this.#publisher.client instanceof Cluster;
    for (const { channel, payload } of messages) {
      const key = this.#prefix + channel;
      if (isSharded) pipeline.spublish(key, payload);
      else pipeline.publish(key, payload);
    }
    for (const [error] of (await this.#publisher.within(pipeline.exec())) ?? []) {
      if (error !== null) throw new Error(describeError(error), { cause: error });
    }
  }

  #nodeOf(cluster: Cluster, channel: string): Redis {
    const address = cluster.slots[calculateSlot(this.#prefix + channel)]?.[0];
    const node = cluster
      .nodes("master")
      .find(({ options: { host, port } }) => `${host ?? ""}:${port ?? ""}` === address);
    if (node !== undefined && !GONE.includes(node.status)) return node;
    cluster.refreshSlotsCache();
    throw new Error("the Redis Cluster has no primary for this channel just now");
  }
}
