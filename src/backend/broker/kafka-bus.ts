import type { Bus, BusListener, BusMessage } from "./bus.ts";
import { KafkaReader, type KafkaTopic } from "./kafka-reader.ts";

/** The leader's word is enough: what a bus loses with it is lost at most once. */
const LEADER = 1;

/** A topic that every node reads from its end on; messages of other channels are passed over. */
export class KafkaBus implements Bus, AsyncDisposable {
  readonly #topic: KafkaTopic;
  readonly #reader: KafkaReader;
  readonly #channels = new Set<string>();
  #listener: BusListener | undefined;

  constructor(topic: KafkaTopic) {
    this.#topic = topic;
    this.#reader = new KafkaReader({
      topic,
      purpose: "bus",
      isPaused: false,
      onMessages: (_, messages) => {
        for (const { key, value } of messages) {
          const channel = key?.toString("latin1") ?? "";
          if (value !== null && this.#channels.has(channel)) {
            this.#listener?.received(channel, value);
          }
        }
      },
      onChange: (isReading, cause) => {
        if (isReading) this.#listener?.restored();
        else this.#listener?.interrupted(cause);
      },
    });
  }

  start(): Promise<void> {
    return this.#reader.start();
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
  }

  async publish(messages: readonly BusMessage[]): Promise<void> {
    const { producer, name, partitions } = this.#topic;
    await producer.send({
      topic: name,
      acks: LEADER,
      messages: messages.map(({ channel, payload }) => ({
        key: channel,
        value: payload,
        partition: partitions.of(channel),
      })),
    });
  }

  subscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#channels.add(channel);
    return Promise.resolve();
  }

  unsubscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#channels.delete(channel);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#reader[Symbol.asyncDispose]();
  }
}
