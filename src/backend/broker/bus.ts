export interface BusMessage {
  readonly channel: string;
  readonly payload: Buffer;
}

/** What a bus tells of. It is called in the order in which things happen. */
export interface BusListener {
  /** @param payload belongs to the listener */
  received(channel: string, payload: Buffer): void;
  /** From now on messages may be missed. */
  interrupted(cause: string): void;
  /** All that was subscribed to arrives again. */
  restored(): void;
}

/**
 * Fire and forget: a message goes to those who are subscribed at that moment, and is not kept.
 * Messages of one publisher on one channel arrive in order. Those of this node come back to it.
 */
export interface Bus {
  /** To be called once, before anything else. */
  listen(listener: BusListener): void;

  /**
   * Resolves when the broker has taken all messages.
   *
   * @throws Error within seconds when it did not, or has not said so: any of them may have arrived
   */
  publish(messages: readonly BusMessage[]): Promise<void>;

  /**
   * Resolves when messages of these channels arrive; those that come by another server of a NATS
   * cluster, a moment later. While the broker is away it resolves at once: they are subscribed to
   * before `restored` is called.
   */
  subscribe(channels: readonly string[]): Promise<void>;

  unsubscribe(channels: readonly string[]): Promise<void>;
}
