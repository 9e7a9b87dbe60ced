import type { EdgeConfig } from "../config/schema.ts";

/** What `serve` runs: one edge in this process, or several in workers. */
export interface Runner {
  /** @throws RingwayError when the configuration can't be used; nothing has changed then */
  reload(config: EdgeConfig): Promise<void>;
  /** Replaces the running code without a closed port. */
  restart(): Promise<void>;
  /** Drains, then frees everything. */
  close(): Promise<void>;
}
