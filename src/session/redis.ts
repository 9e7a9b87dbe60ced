import { describeError, systemCode } from "../core/errors.ts";
import type { RedisCommand, RedisConnection } from "../redis/connection.ts";
import { loadScript } from "../redis/scripts.ts";
import type { SessionStore } from "./session-store.ts";
import { StoreError } from "./store-error.ts";

/** Questions that wait for a reply; beyond it new ones are refused, so that a frozen server costs no memory. */
const MAX_OPEN = 10_000;
/** What the edge writes: ids of backends. Anything else in a key is not ours. */
const BACKEND_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

const bindScript = loadScript("bind-session", 1);
const touchScript = loadScript("touch-session", 1);
const releaseScript = loadScript("release-session", 1);

export interface RedisSessionsOptions {
  /** How long a session stays bound after its last use. */
  readonly ttlMs: number;
  /** The same after its last tunnel has ended; 0 unbinds it at once. */
  readonly graceMs: number;
  /** What every key begins with. */
  readonly prefix: string;
}

/** Sessions of all edges that share a Redis: one key each, `PREFIXsession:{ID}`, with a TTL. */
export class RedisSessions implements SessionStore {
  readonly #connection: RedisConnection;
  readonly #options: RedisSessionsOptions;
  readonly #bind: RedisCommand;
  readonly #touch: RedisCommand;
  readonly #release: RedisCommand;
  #open = 0;

  /** @param connection belongs to the store from here on */
  constructor(connection: RedisConnection, options: RedisSessionsOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#bind = connection.command("ringwayBind", bindScript);
    this.#touch = connection.command("ringwayTouch", touchScript);
    this.#release = connection.command("ringwayRelease", releaseScript);
  }

  async get(session: string): Promise<string | undefined> {
    const { client } = this.#connection;
    // No more than an id is read: whatever else may stand there could be large.
    const held = await this.#ask(() => client.getrange(this.#key(session), 0, 128)).catch(
      (error: unknown) => {
        if (isWrongType(error)) return "";
        throw error;
      },
    );
    return BACKEND_ID.test(held) ? held : undefined;
  }

  async bind(session: string, backendId: string, expected: string | undefined): Promise<string> {
    const { ttlMs } = this.#options;
    const key = this.#key(session);
    const holder = await this.#ask(() => this.#bind(key, backendId, expected ?? "", whole(ttlMs)));
    return String(holder);
  }

  async touch(session: string, backendId: string): Promise<void> {
    const { ttlMs } = this.#options;
    await this.#ask(() => this.#touch(this.#key(session), backendId, whole(ttlMs)));
  }

  async release(session: string, backendId: string): Promise<void> {
    const { graceMs } = this.#options;
    await this.#ask(() => this.#release(this.#key(session), backendId, whole(graceMs)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  /** The braces keep all keys of a session in one slot of a Cluster. */
  #key(session: string): string {
    return `${this.#options.prefix}session:{${session}}`;
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    if (this.#open >= MAX_OPEN) {
      throw new StoreError("store_busy", new Error(`${MAX_OPEN} questions are open`));
    }
    this.#open++;
    try {
      return await command();
    } catch (error) {
      throw asStoreError(error);
    } finally {
      this.#open--;
    }
  }
}

function asStoreError(error: unknown): StoreError {
  const cause = error instanceof Error ? error : new Error(describeError(error));
  const answered = cause.name === "ReplyError" && systemCode(cause) === undefined;
  return new StoreError(answered ? "store_refused" : "store_away", cause);
}

function isWrongType(error: unknown): boolean {
  return error instanceof StoreError && error.message.startsWith("WRONGTYPE");
}

/** PEXPIRE and PX take whole milliseconds. */
function whole(ms: number): string {
  return String(Math.round(ms));
}
