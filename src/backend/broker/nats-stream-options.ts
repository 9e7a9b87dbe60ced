import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";

/** What each face that is kept in a stream works with. */
export interface NatsStreamOptions {
  readonly manager: JetStreamManager;
  readonly client: JetStreamClient;
  readonly timeoutMs: number;
  readonly stream: string;
  readonly prefix: string;
}
