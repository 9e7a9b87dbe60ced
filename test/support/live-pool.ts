import type { Logger } from "../../src/core/logger.ts";
import type { BackendOptions, LiveBackend } from "../../src/upstream/backend.ts";
import { Pool } from "../../src/upstream/pool.ts";

export function backendAt(id: string, port = 1, weight = 1): BackendOptions {
  const address = { kind: "tcp", host: "127.0.0.1", port, tls: false } as const;
  return { id, url: `http://127.0.0.1:${port}`, address, weight };
}

export function poolOf(...ids: readonly string[]): Pool {
  return new Pool(
    "test",
    ids.map((id) => backendAt(id)),
  );
}

export function member(pool: Pool, id: string): LiveBackend {
  const found = pool.byId(id);
  if (found === undefined) throw new Error(`no backend ${id}`);
  return found;
}

/** Keeps the messages that were logged. */
export function messages(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const log = (message: string): void => void lines.push(message);
  return { lines, logger: { debug: log, info: log, warn: log, error: log } };
}
