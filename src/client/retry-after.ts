/** Nobody is sent away for longer. */
const MAX_MS = 24 * 60 * 60 * 1_000;

/**
 * Reads a Retry-After field: seconds, or a date (RFC 9110 §10.2.3).
 *
 * @param dateMs the date now
 * @returns milliseconds from now; 0 for a field that is absent or says nothing
 */
export function retryAfterMs(field: string | undefined, dateMs: number): number {
  if (field === undefined) return 0;
  const waitMs = /^\s*\d+\s*$/.test(field) ? Number(field) * 1_000 : Date.parse(field) - dateMs;
  return waitMs > 0 ? Math.min(waitMs, MAX_MS) : 0;
}
