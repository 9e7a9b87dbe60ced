import type { Redis } from "ioredis";
import type { Clock, Timer } from "../../core/clock.ts";
import type { RedisConnection } from "../../redis/connection.ts";

/** In one command. */
const MAX_KEYS = 500;
/** A server that does not answer a ping is given up by the connection. */
const PING_MS = 1_000;
/** Until a node is asked again that has refused a key for now. */
const RETRY_MS = 100;

export interface RedisSubscriberOptions {
  /** To one server; belongs to the subscriber from here on. */
  readonly connection: RedisConnection;
  /** SSUBSCRIBE in place of SUBSCRIBE: of a Redis Cluster's node, its own slots only. */
  readonly isSharded: boolean;
  readonly clock: Clock;
  readonly onMessage: (key: string, payload: Buffer) => void;
  /** It is subscribed to all its keys, or is not any more. */
  readonly onChange: () => void;
  /** A key belongs to another node of the Cluster. */
  readonly onMoved: () => void;
}

/** A connection that is subscribed to what is wanted of it, whenever it is connected. */
export class RedisSubscriber implements AsyncDisposable {
  readonly keys: Set<string> = new Set();
  readonly #options: RedisSubscriberOptions;
  readonly #client: Redis;
  readonly #ping: Timer;
  /** Counts connections: an answer of an earlier one says nothing of this one. */
  #connections = 0;
  #resubscribing: Promise<void> = Promise.resolve();
  #isLive = false;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(options: RedisSubscriberOptions) {
    this.#options = options;
    this.#client = options.connection.client as Redis;
    const { isSharded, onMessage, clock } = options;
    this.#client
      .on(isSharded ? "smessageBuffer" : "messageBuffer", (key: Buffer, payload: Buffer) => {
        onMessage(key.toString("latin1"), payload);
      })
      .on("ready", () => {
        this.#resubscribing = this.#resubscribe();
      })
      .on("close", () => this.#setLive(false))
      .on("moved", () => options.onMoved());
    this.#ping = clock.every(PING_MS, () => {
      // One that fails ends the connection, which is told by its "close".
      if (this.#client.status === "ready") this.#client.ping().catch(() => undefined);
    });
  }

  /** Whether messages of all keys arrive. */
  get isLive(): boolean {
    return this.#isLive;
  }

  tried(): Promise<void> {
    return this.#options.connection.tried();
  }

  /** Resolves at once while there is no connection. */
  async subscribe(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.keys.add(key);
    if (!this.#isLive) {
      await this.#resubscribing;
      return;
    }
    try {
      await this.#send(keys);
    } catch (error) {
      if (!isForNow(error)) throw error;
      this.#setLive(false);
      this.#resubscribeLater();
    }
  }

  async unsubscribe(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.keys.delete(key);
    if (!this.#isLive) return;
    await Promise.all(
      this.#batches(keys).map((batch) =>
        this.#options.isSharded
          ? this.#client.sunsubscribe(...batch)
          : this.#client.unsubscribe(...batch),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#ping.cancel();
    this.#retry?.cancel();
    await this.#options.connection[Symbol.asyncDispose]();
  }

  async #resubscribe(): Promise<void> {
    const connection = ++this.#connections;
    const asked = new Set<string>();
    // More may be wanted by the time that the first are subscribed to.
    for (;;) {
      const keys = [...this.keys].filter((key) => !asked.has(key));
      if (keys.length === 0) break;
      for (const key of keys) asked.add(key);
      try {
        await this.#send(keys);
      } catch {
        // A lost connection is told of by its "close", and a node that has refused is asked again: a
        // replica that takes over is known by others before it knows itself.
        if (connection === this.#connections) this.#resubscribeLater();
        return;
      }
    }
    if (connection === this.#connections && this.#client.status === "ready") this.#setLive(true);
  }

  #resubscribeLater(): void {
    this.#retry?.cancel();
    if (this.#isClosed) return;
    this.#retry = this.#options.clock.after(RETRY_MS, () => {
      if (this.#client.status === "ready") this.#resubscribing = this.#resubscribe();
    });
  }

  async #send(keys: readonly string[]): Promise<void> {
    try {
      await Promise.all(
        this.#batches(keys).map((batch) =>
          this.#options.isSharded
            ? this.#client.ssubscribe(...batch)
            : this.#client.subscribe(...batch),
        ),
      );
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("MOVED")) this.#options.onMoved();
      throw error;
    }
  }

  /** A sharded command may name keys of one slot only: each key goes by itself. */
  #batches(keys: readonly string[]): string[][] {
    const size = this.#options.isSharded ? 1 : MAX_KEYS;
    const batches: string[][] = [];
    for (let at = 0; at < keys.length; at += size) batches.push(keys.slice(at, at + size));
    return batches;
  }

  #setLive(isLive: boolean): void {
    if (!isLive) this.#connections++;
    if (isLive === this.#isLive || this.#isClosed) return;
    this.#isLive = isLive;
    this.#options.onChange();
  }
}

/** The Cluster is changing: the same key can be subscribed to in a moment, here or elsewhere. */
function isForNow(error: unknown): boolean {
  return (
    error instanceof Error && /^(MOVED|ASK|CLUSTERDOWN|TRYAGAIN|LOADING)\b/.test(error.message)
  );
}
