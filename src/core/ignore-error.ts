/**
 * The error handler of every socket from its first moment: an error without one ends the process.
 * A socket's error is always followed by its close, and that is where it is dealt with.
 */
export function ignoreUntilClose(): void {
  // See above.
}
