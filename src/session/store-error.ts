import { RingwayError } from "../core/errors.ts";

/**
 * `away`: not connected. `busy`: too many questions are open. `late`: over the deadline. `refused`: it
 * answered with an error.
 */
export type StoreErrorCode = "store_away" | "store_busy" | "store_late" | "store_refused";

/** The session store can't answer; the request goes on without it. */
export class StoreError extends RingwayError {
  override readonly name = "StoreError";
  override readonly source = "store";
  override readonly retryable = true;
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, cause: Error) {
    super(cause.message, { cause });
    this.code = code;
  }
}
