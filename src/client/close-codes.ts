/**
 * What a close code asks for: `again` with the next delay, `first` with the first delay, `later` after
 * a pause, or never (`final`). The table is in docs/protocol.md.
 */
export type Verdict = "again" | "first" | "later" | "final";

/** The session has another connection now. */
export const TAKEN_OVER = 4500;
/** A connection that ended without a Close (RFC 6455 §7.1.5). */
export const ABNORMAL = 1006;
export const NORMAL = 1000;

const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;
/** Done, or one side takes the other for broken or unwanted: nothing will be better next time. */
const FINAL: ReadonlySet<number> = new Set([NORMAL, 1002, 1003, 1007, 1008, 1009, 1010, 1015]);
/** Refused in a way that an unchanged client can't cure: HTTP status codes. */
const FINAL_STATUS: ReadonlySet<number> = new Set([401, 403, 404]);

export function verdictOf(code: number): Verdict {
  if (code === SERVICE_RESTART) return "first";
  if (code === TRY_AGAIN_LATER) return "later";
  const isFinal = FINAL.has(code) || (code >= 3500 && code < 4000) || code >= 4500;
  return isFinal ? "final" : "again";
}

/** @param status of a handshake that was refused */
export function verdictOfStatus(status: number): Verdict {
  return FINAL_STATUS.has(status) ? "final" : "again";
}
