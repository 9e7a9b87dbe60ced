/** A logger of a process of the run: a line of JSON each, to be read when something was wrong. */
const log = (level) => (message, fields) => {
  const at = new Date().toISOString();
  process.stderr.write(`${JSON.stringify({ at, level, message, ...fields })}\n`);
};

export const stderrLogger = {
  debug() {},
  info: log("info"),
  warn: log("warn"),
  error: log("error"),
};
