import { Cluster } from "ioredis";
import { describeError } from "../../core/errors.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import type { Bus, BusListener, BusMessage } from "./bus.ts";
import type { RedisClusterSubscriber } from "./redis-cluster-subscriber.ts";
import type { RedisSubscriber } from "./redis-subscriber.ts";

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
    if (client instanceof Cluster) {
      await Promise.all(
        messages.map(({ channel, payload }) => client.spublish(this.#prefix + channel, payload)),
      );
      return;
    }
    const pipeline = client.pipeline();
    for (const { channel, payload } of messages) pipeline.publish(this.#prefix + channel, payload);
    const replies = (await pipeline.exec()) ?? [];
    for (const [error] of replies) {
      if (error !== null) throw new Error(describeError(error), { cause: error });
    }
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await this.#subscriber?.subscribe(channels.map((channel) => this.#prefix + channel));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await this.#subscriber?.unsubscribe(channels.map((channel) => this.#prefix + channel));
  }
}
