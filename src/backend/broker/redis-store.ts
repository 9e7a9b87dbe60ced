import type { Redis } from "ioredis";
import type { Random } from "../../core/random.ts";
import type { RedisCommand, RedisConnection } from "../../redis/connection.ts";
import { loadScript } from "../../redis/scripts.ts";
import type { Store, StoreEntry } from "./store.ts";

const writeScript = loadScript("write-entry", 1);
const removeScript = loadScript("remove-entry", 1);
/** The field that counts versions; no key begins like this. */
const COUNTER = "#";

/** One hash, whose values begin with their versions. */
export class RedisStore implements Store {
  readonly #connection: RedisConnection;
  readonly #key: string;
  readonly #random: Random;
  readonly #write: RedisCommand;
  readonly #remove: RedisCommand;

  constructor(connection: RedisConnection, key: string, random: Random) {
    this.#connection = connection;
    this.#key = key;
    this.#random = random;
    this.#write = connection.command("ringwayWriteEntry", writeScript);
    this.#remove = connection.command("ringwayRemoveEntry", removeScript);
  }

  async read(prefix: string): Promise<ReadonlyMap<string, StoreEntry>> {
    const client = this.#connection.client as Redis;
    const held = await this.#connection.within(client.hgetall(this.#key));
    const entries = new Map<string, StoreEntry>();
    for (const [key, text] of Object.entries(held)) {
      if (key === COUNTER || !key.startsWith(prefix)) continue;
      const space = text.indexOf(" ");
      entries.set(key, { version: text.slice(0, space), value: text.slice(space + 1) });
    }
    return entries;
  }

  async write(
    key: string,
    value: string,
    expected: string | undefined,
  ): Promise<string | undefined> {
    const unique = this.#random.bytes(6).toString("hex");
    const writing = this.#write(this.#key, key, value, expected ?? "", unique);
    const answer = await this.#connection.within(writing);
    return typeof answer === "string" ? answer : undefined;
  }

  async remove(key: string, expected: string): Promise<boolean> {
    return (await this.#connection.within(this.#remove(this.#key, key, expected))) === 1;
  }
}
