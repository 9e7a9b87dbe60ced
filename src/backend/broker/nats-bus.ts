import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import type { Clock } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Bus, BusListener, BusMessage } from "./bus.ts";
import { nameOfToken, subjectToken } from "./nats-subject.ts";

/** For an answer to what was sent; a server that hangs is noticed by its pings in the same time. */
const ANSWER_MS = 3_000;

export interface NatsBusOptions {
  /** What every subject begins with. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Core NATS: a subject for each channel. */
export class NatsBus implements Bus {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #subscriptions = new Map<string, Subscription>();
  /** Told when the connection is lost: what was sent may not have arrived. */
  readonly #waiting = new Set<(error: Error) => void>();
  #listener: BusListener | undefined;
  #isAway = false;

  constructor(connection: NatsConnection, { prefix, clock, logger }: NatsBusOptions) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#logger = logger;
    void this.#follow();
  }

  listen(listener: BusListener): void {
    this.#listener = listener;
  }

  async publish(messages: readonly BusMessage[]): Promise<void> {
    // The client would keep all that is published while it is away.
    if (this.#isAway) throw new Error("the connection to NATS is lost");
    for (const { channel, payload } of messages) {
      this.#connection.publish(this.#prefix + subjectToken(channel), payload);
    }
    await this.#answered();
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    const refused: Error[] = [];
    for (const channel of channels) {
      if (this.#subscriptions.has(channel)) continue;
      const subscription = this.#connection.subscribe(this.#prefix + subjectToken(channel), {
        callback: (error, message) => {
          if (error !== null) {
            refused.push(error);
            this.#subscriptions.delete(channel);
            return;
          }
          const name = nameOfToken(message.subject.slice(this.#prefix.length));
          const { buffer, byteOffset, byteLength } = message.data;
          this.#listener?.received(name, Buffer.from(buffer, byteOffset, byteLength));
        },
      });
      this.#subscriptions.set(channel, subscription);
    }
    // After a loss the client subscribes again by itself.
    if (!this.#isAway) await this.#answered().catch(() => undefined);
    const [first] = refused;
    if (first !== undefined) throw first;
  }

  unsubscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) {
      this.#subscriptions.get(channel)?.unsubscribe();
      this.#subscriptions.delete(channel);
    }
    return Promise.resolve();
  }

  close(): void {
    this.#lost("the connection to NATS is closed");
  }

  /** The server answers a ping when it has dealt with all that was sent before. */
  async #answered(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const late = this.#clock.after(ANSWER_MS, () => fail(new Error("NATS does not answer")));
      const end = (): void => {
        late.cancel();
        this.#waiting.delete(fail);
      };
      const fail = (error: Error): void => {
        end();
        reject(error);
      };
      this.#waiting.add(fail);
      this.#connection.flush().then(() => {
        end();
        resolve();
      }, fail);
    });
  }

  async #follow(): Promise<void> {
    for await (const status of this.#connection.status()) {
      const { type } = status;
      // Such as a subject that this account may not use: what was published there is gone.
      if (type === "error") this.#logger.warn("nats", { cause: describeError(status.error) });
      if (type === "disconnect" || type === "staleConnection") {
        this.#lost("the connection to NATS was lost");
        this.#set(true);
      } else if (type === "reconnect") {
        this.#set(false);
      }
    }
  }

  #lost(cause: string): void {
    for (const fail of [...this.#waiting]) fail(new Error(cause));
  }

  #set(isAway: boolean): void {
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    if (isAway) this.#listener?.interrupted("the connection to NATS was lost");
    else this.#listener?.restored();
  }
}
