import { once } from "node:events";
import { pino } from "pino";
import { systemClock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";

const STDOUT = 1;
/** Lines that wait for a reader of stdout that is stuck; beyond it they are dropped. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** Workers share one stdout: a pipe takes writes up to this size whole (PIPE_BUF, POSIX write(2)). */
const WHOLE_WRITE_BYTES = 4096;
const END_MS = 1_000;

export interface LogLines {
  readonly logger: Logger;
  /** Writes out what waits, for a second at most. Nothing may be logged after it. */
  end(): Promise<void>;
}

/**
 * One JSON line an event on stdout: level, time (ISO 8601), the event's fields, msg. Lines are
 * written in the background, so that a reader that is stuck can't hold up the edge.
 */
export function openLog(): LogLines {
  const destination = pino.destination({
    dest: STDOUT,
    sync: false,
    maxLength: MAX_WAITING_BYTES,
    maxWrite: WHOLE_WRITE_BYTES,
  });
  const log = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    logger: {
      debug: (message, fields) => log.debug(fields ?? {}, message),
      info: (message, fields) => log.info(fields ?? {}, message),
      warn: (message, fields) => log.warn(fields ?? {}, message),
      error: (message, fields) => log.error(fields ?? {}, message),
    },
    async end() {
      const late = new AbortController();
      const timer = systemClock.after(END_MS, () => late.abort());
      const closed = once(destination, "close", { signal: late.signal });
      destination.end();
      await closed.catch(() => undefined); // the reader is stuck or gone: there is nobody to tell
      timer.cancel();
    },
  };
}
