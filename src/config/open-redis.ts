import { resolve } from "node:path";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import { readTextFile } from "../core/read-text-file.ts";
import { RedisConnection } from "../redis/connection.ts";
import type { RedisTarget } from "../redis/redis-url.ts";

/** What parts that are made from a configuration need of the edge. */
export interface Services {
  /** Where relative file names begin. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
}

interface RedisOptions {
  readonly url: RedisTarget;
  readonly password?: string | undefined;
  readonly tls?: { readonly ca?: string | undefined };
}

/** @throws StartError when the CA file can't be read; a server that is away is no error */
export async function openRedis(
  { url, password, tls }: RedisOptions,
  { directory, logger, random, clock }: Services,
): Promise<RedisConnection> {
  const ca = tls?.ca === undefined ? undefined : await readTextFile(resolve(directory, tls.ca));
  return new RedisConnection({ target: url, ca, password, logger, random, clock });
}
