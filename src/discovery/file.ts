import { stat } from "node:fs/promises";
import type { Clock } from "../core/clock.ts";
import { describeFileError } from "../core/errors.ts";
import type { DiscoveredBackend, DiscoverySource } from "./discovery-source.ts";
import { PolledSource } from "./polled-source.ts";

/** Polled rather than watched: it sees through the symlinks that orchestrators swap. */
const POLL_MS = 1_000;

export interface FileSourceOptions {
  readonly path: string;
  /** Reads and checks the file; throws what is wrong in it. */
  readonly read: (path: string) => Promise<readonly DiscoveredBackend[]>;
  readonly clock: Clock;
}

/** Backends that are listed in a file. An empty list is a failure: a fleet does not end that way. */
export function fileSource({ path, read, clock }: FileSourceOptions): DiscoverySource {
  let seen: string | undefined;
  return new PolledSource({
    name: "file",
    everyMs: POLL_MS,
    clock,
    async ask() {
      const before = seen;
      // After a failure the file is read again, even if it is the same as before.
      seen = undefined;
      const { mtimeMs, size, ino } = await stat(path).catch((error: unknown) => {
        throw new Error(`${path}: ${describeFileError(error)}`, { cause: error });
      });
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === before) {
        seen = version;
        return undefined;
      }
      const found = await read(path);
      if (found.length === 0) throw new Error(`${path} lists no backend`);
      seen = version;
      return found;
    },
  });
}
