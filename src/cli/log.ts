import { pino } from "pino";
import type { Logger } from "../core/logger.ts";

/** One JSON line an event on stdout: level, time (ISO 8601), the event's fields, msg. */
export function createLogger(): Logger {
  const log = pino({
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
  return {
    debug: (message, fields) => log.debug(fields ?? {}, message),
    info: (message, fields) => log.info(fields ?? {}, message),
    warn: (message, fields) => log.warn(fields ?? {}, message),
    error: (message, fields) => log.error(fields ?? {}, message),
  };
}
