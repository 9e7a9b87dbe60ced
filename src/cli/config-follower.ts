import { unwatchFile, watchFile } from "node:fs";
import type { EdgeConfig } from "../config/schema.ts";
import { describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Runner } from "./runner.ts";

/** Polled rather than watched: it sees through the symlinks that orchestrators swap. */
const POLL_MS = 1_000;

export interface ConfigFollowerOptions {
  /** Absent: the configuration is made of flags, which stay as they are. */
  readonly file: string | undefined;
  readonly load: () => Promise<EdgeConfig>;
  readonly runner: Runner;
  readonly logger: Logger;
}

/** Reloads the configuration on SIGHUP, and when its file changes. */
export class ConfigFollower implements Disposable {
  readonly #options: ConfigFollowerOptions;
  readonly #onSignal = (): void => void this.#reload("SIGHUP");
  readonly #onChange = (): void => void this.#reload("file changed");

  constructor(options: ConfigFollowerOptions) {
    this.#options = options;
    process.on("SIGHUP", this.#onSignal);
    if (options.file === undefined) return;
    watchFile(options.file, { interval: POLL_MS, persistent: false }, this.#onChange);
  }

  [Symbol.dispose](): void {
    const { file } = this.#options;
    process.off("SIGHUP", this.#onSignal);
    if (file !== undefined) unwatchFile(file, this.#onChange);
  }

  async #reload(why: string): Promise<void> {
    const { file, load, runner, logger } = this.#options;
    if (file === undefined) {
      logger.warn("nothing to reload: the edge runs by flags");
      return;
    }
    logger.info("reloading", { why, file });
    try {
      await runner.reload(await load());
    } catch (error) {
      logger.error("configuration not reloaded, the one before stays", {
        cause: describeError(error),
      });
    }
  }
}
