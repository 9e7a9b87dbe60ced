import { systemClock, type Timer } from "../core/clock.ts";
import { ConfigError, describeError } from "../core/errors.ts";
import { silentLogger, type Logger } from "../core/logger.ts";
import { systemRandom } from "../core/random.ts";
import { announcementKeys, LEASE_MS, PREFIX } from "../redis/announcement-keys.ts";
import { RedisConnection, type RedisCommand } from "../redis/connection.ts";
import { parseRedisUrl } from "../redis/redis-url.ts";
import { loadScript } from "../redis/scripts.ts";

/** Announcements within one lease: two may be lost without harm. */
const PER_LEASE = 3;

export interface AnnounceOptions {
  /** Such as `redis://127.0.0.1:6379`: the Redis that the pool's `discovery.redis` reads. */
  readonly redis: string;
  /** In place of a password in the URL. */
  readonly password?: string;
  /** PEM certificates that the server is verified against; the system's when absent. */
  readonly ca?: string;
  /** What the edge's keys begin with; `ringway:` by default. */
  readonly prefix?: string;
  readonly pool: string;
  /** The same after each restart: sessions stay with it. */
  readonly id: string;
  /** Where the edge reaches it, such as `http://10.0.0.5:9000`. */
  readonly url: string;
  /** Relative share of new sessions; 1 by default. */
  readonly weight?: number;
  /** What this backend has to do now, such as its connections; told to whoever lists the pool. */
  readonly load?: () => number;
  /** Silent by default. */
  readonly logger?: Logger;
}

/** A backend that edges find for as long as it is announced. Whoever announced it withdraws it. */
export class Announcement implements AsyncDisposable {
  readonly #options: AnnounceOptions;
  readonly #connection: RedisConnection;
  readonly #announce: RedisCommand;
  readonly #withdraw: RedisCommand;
  readonly #tick: Timer;
  #isDraining = false;

  /** See {@link announce}. */
  constructor(options: AnnounceOptions, connection: RedisConnection) {
    this.#options = options;
    this.#connection = connection;
    this.#announce = connection.command("ringwayAnnounce", loadScript("announce-backend", 2));
    this.#withdraw = connection.command("ringwayWithdraw", loadScript("withdraw-backend", 2));
    // A server that comes back has to be told at once: it may have lost what it knew.
    connection.client.on("ready", () => void this.#say());
    this.#tick = systemClock.every(LEASE_MS / PER_LEASE, () => void this.#say());
  }

  /** Asks edges to empty this backend: nothing new comes, its clients are sent on by and by. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.#say();
  }

  /** It is gone for the edges at once, and not only when its lease ends. */
  async withdraw(): Promise<void> {
    this.#tick.cancel();
    await this.#ask(() => this.#withdraw(...this.#keys(), this.#options.id));
    await this.#connection[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.withdraw();
  }

  async #say(): Promise<void> {
    const { id, url, weight = 1, load } = this.#options;
    const said = JSON.stringify({ url, weight, draining: this.#isDraining, load: load?.() });
    await this.#ask(() => this.#announce(...this.#keys(), id, said, LEASE_MS));
  }

  /** One that fails is made up for by the next. */
  async #ask(command: () => Promise<unknown>): Promise<void> {
    try {
      await command();
    } catch (error) {
      const { logger = silentLogger, id } = this.#options;
      logger.warn("not announced", { id, cause: describeError(error) });
    }
  }

  #keys(): [string, string] {
    return announcementKeys(this.#options.prefix ?? PREFIX, this.#options.pool);
  }
}

/**
 * Announces this backend to all edges whose pool has `discovery: { redis: true }`. It stays announced
 * while the process lives; when it crashes, edges drop it within 10 seconds.
 *
 * @throws ConfigError when the Redis URL is none; a Redis that is away is tried again for ever
 */
export async function announce(options: AnnounceOptions): Promise<Announcement> {
  const target = parseRedisUrl(options.redis);
  if (typeof target === "string") {
    throw new ConfigError([{ file: "announce", message: `redis: ${target}` }]);
  }
  const connection = new RedisConnection({
    target,
    ca: options.ca,
    password: options.password,
    logger: options.logger ?? silentLogger,
    random: systemRandom,
    clock: systemClock,
  });
  const announcement = new Announcement(options, connection);
  await connection.tried();
  return announcement;
}
