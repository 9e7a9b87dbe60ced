export type LogFields = Readonly<Record<string, unknown>>;

/** The logging port: a static message plus fields. Never a cookie, token or payload. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** For programs that have no use for a log. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
