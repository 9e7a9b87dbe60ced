import type { Redis } from "ioredis";
import type { Random } from "../../core/random.ts";
import type { RedisCommand, RedisConnection } from "../../redis/connection.ts";
import { loadScript } from "../../redis/scripts.ts";
import type { Cursors } from "./cursors.ts";
import type { StoreEntry } from "./store.ts";

const writeScript = loadScript("write-cursor", 1);

/** A key for each record, whose value begins with its version. */
export class RedisCursors implements Cursors {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #keptMs: number;
  readonly #random: Random;
  readonly #write: RedisCommand;

  constructor(
    connection: RedisConnection,
    prefix: string,
    { keptMs, random }: { readonly keptMs: number; readonly random: Random },
  ) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#keptMs = keptMs;
    this.#random = random;
    this.#write = connection.command("ringwayWriteCursor", writeScript);
  }

  async get(key: string): Promise<StoreEntry | undefined> {
    const client = this.#connection.client as Redis;
    const text = await this.#connection.within(client.get(this.#prefix + key));
    if (text === null) return undefined;
    const space = text.indexOf(" ");
    return { version: text.slice(0, space), value: text.slice(space + 1) };
  }

  async write(
    key: string,
    value: string,
    expected: string | undefined,
  ): Promise<string | undefined> {
    const version = this.#random.bytes(9).toString("base64url");
    const writing = this.#write(this.#prefix + key, value, expected ?? "", version, this.#keptMs);
    return (await this.#connection.within(writing)) === 1 ? version : undefined;
  }
}
