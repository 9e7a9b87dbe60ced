import { Cluster, Redis, type RedisOptions } from "ioredis";
import type { Clock, Timer } from "../core/clock.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import { formatRedisUrl, type RedisTarget } from "./redis-url.ts";
import type { RedisScript } from "./scripts.ts";

/** A server that owes a reply and is silent for this long is given up; the next may be another. */
const SILENCE_MS = 2_000;
const CONNECT_MS = 2_000;
/** More than it takes to give up a server that is silent. */
const ANSWER_MS = 3_000;
const SHORTEST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1_000;
/** How long an orderly end may take to write out what was sent last. */
const QUIT_MS = 500;

export interface RedisConnectionOptions {
  readonly target: RedisTarget;
  /** PEM certificates that servers are verified against; the system's when absent. */
  readonly ca: string | undefined;
  /** In place of a password in the URL. */
  readonly password: string | undefined;
  readonly logger: Logger;
  readonly random: Random;
  readonly clock: Clock;
}

export type RedisCommand = (...args: (string | number | Buffer)[]) => Promise<unknown>;

/**
 * A connection to Redis that is made in the background and made again for as long as it is open.
 * While it is away, commands are refused at once: nothing queues up behind a server that is gone.
 */
export class RedisConnection implements AsyncDisposable {
  readonly client: Redis | Cluster;
  readonly #options: RedisConnectionOptions;
  #reported: "up" | "down" | undefined;
  #again: Timer | undefined;
  #isClosed = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.client = this.#create();
    this.client
      .on("ready", () => this.#report("up", undefined))
      .on("error", (error: unknown) => this.#report("down", error))
      .on("close", () => this.#report("down", undefined))
      .on("end", () => this.#connectAgain());
  }

  /** Resolves when it is connected, or its first try has failed. */
  async tried(): Promise<void> {
    while (this.#reported === undefined) {
      await new Promise<void>((resolve) => {
        this.client.once("ready", resolve).once("error", () => resolve());
      });
    }
  }

  /**
   * Makes a Lua script a command: sent by its hash, and whole to a server that does not know it.
   *
   * @param replies `buffers` for those that may hold other bytes than UTF-8
   */
  command(
    name: string,
    script: RedisScript,
    replies: "strings" | "buffers" = "strings",
  ): RedisCommand {
    this.client.defineCommand(name, script);
    const kind = replies === "buffers" ? "Buffer" : "";
    const command = Reflect.get(this.client, name + kind) as RedisCommand;
    return (...args) => command.apply(this.client, args);
  }

  /**
   * Waits for an answer. ioredis never settles some commands to a node of a Cluster that goes away.
   *
   * @throws Error when it does not come in time: the command may have been carried out
   */
  async within<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = this.#options.clock.after(ANSWER_MS, () => {
        reject(new Error(`Redis has not answered in ${ANSWER_MS} ms`));
      });
      void answer.then(resolve, reject).finally(() => late.cancel());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { client } = this;
    this.#isClosed = true;
    this.#again?.cancel();
    if (client.status === "ready") {
      await new Promise<void>((resolve) => {
        const late = this.#options.clock.after(QUIT_MS, resolve);
        const done = (): void => {
          late.cancel();
          resolve();
        };
        client.quit().then(done, done); // one that fails is gone already
      });
    }
    client.disconnect();
  }

  /**
   * ioredis gives up for good when it hears of another primary while it asks the Sentinels for it:
   * the news ends the connection that it holds, and the attempt under way counts as that.
   */
  #connectAgain(): void {
    if (this.#isClosed) return;
    this.#again = this.#options.clock.after(this.#delay(1), () => {
      this.client.connect().catch(() => undefined); // its "error" and "end" tell of it
    });
  }

  #delay(times: number): number {
    const step = Math.min(LONGEST_RETRY_MS, SHORTEST_RETRY_MS * 2 ** Math.min(times, 10));
    // Edges that lost the same server do not come back in step.
    return step / 2 + (step / 2) * this.#options.random.fraction();
  }

  #create(): Redis | Cluster {
    const { target, ca } = this.#options;
    const delay = (times: number): number => this.#delay(times);
    const tls = target.tls ? { tls: ca === undefined ? {} : { ca } } : {};
    const common = {
      ...tls,
      username: target.username,
      password: this.#options.password ?? target.password,
      // RESP3 begins with HELLO, which servers before Redis 6 and some proxies do not know.
      protocol: 2 as const,
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      autoResendUnfulfilledCommands: false,
      // Whoever subscribes has to know when it is subscribed again.
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      connectionName: "ringway",
    } satisfies RedisOptions;
    const [first] = target.nodes;

    if (target.kind === "cluster") {
      return new Cluster([...target.nodes], {
        redisOptions: common,
        enableOfflineQueue: false,
        clusterRetryStrategy: delay,
        clusterNodeRetryStrategy: delay,
        slotsRefreshTimeout: CONNECT_MS,
        // Certificates name the hosts, not the addresses that they resolve to.
        ...(target.tls && { dnsLookup: (host, done) => done(null, host) }),
      });
    }
    const single = {
      ...common,
      db: target.database,
      enableOfflineQueue: false,
      retryStrategy: delay,
      // A primary that was demoted refuses writes: the connection has to move on.
      reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    };
    if (target.kind === "single") return new Redis({ ...single, ...first });
    return new Redis({
      ...single,
      sentinels: [...target.nodes],
      name: target.primary,
      sentinelRetryStrategy: delay,
      sentinelCommandTimeout: CONNECT_MS,
      failoverDetector: true,
      enableTLSForSentinelMode: target.tls,
      ...(target.tls && { sentinelTLS: tls.tls }),
    });
  }

  /** Says once that it is away and once that it is back, however often it was tried between. */
  #report(state: "up" | "down", error: unknown): void {
    if (state === this.#reported || this.#isClosed) return;
    // Before an error, a close says nothing of its cause; before the first connection it is none.
    if (state === "down" && error === undefined && this.#reported === undefined) return;
    this.#reported = state;
    const redis = formatRedisUrl(this.#options.target);
    if (state === "up") this.#options.logger.info("redis connected", { redis });
    else {
      const cause = error === undefined ? "the connection was closed" : describeError(error);
      this.#options.logger.warn("redis is away", { redis, cause });
    }
  }
}
