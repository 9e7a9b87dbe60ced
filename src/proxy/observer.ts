import type { FaultCode } from "../core/fault.ts";
import type { TunnelResult } from "./open-tunnel.ts";

/**
 * Why a backend was chosen: the session was bound to it, the policy named it, or the store did not
 * answer and the ring had to.
 */
export type PickReason = "bound" | "policy" | "fallback";

/** The backend that served, and why it was chosen. */
export interface Choice {
  readonly pool: string;
  readonly backend: string;
  readonly reason: PickReason;
}

/** `accepted`: a tunnel is open. `refused`: the backend answered with another status than 101. */
export type UpgradeResult = "accepted" | "refused" | FaultCode;

/** What happened on the line, past tense, for metrics. It only observes. */
export interface ProxyObserver {
  /** @param pool undefined when no route matched */
  upgradeEnded(pool: string | undefined, result: UpgradeResult, seconds: number): void;
  /** Of a TCP listener. @param pool undefined when none is for the server name */
  connectionEnded(pool: string | undefined, result: "accepted" | FaultCode): void;
  picked(choice: Choice): void;
  /** No backend was fit, so that unfit ones were tried. */
  panicked(pool: string): void;
  /** @param operation what the session store was asked */
  storeAnswered(operation: string, seconds: number): void;
  /** @param cause a stable code */
  storeFailed(operation: string, cause: string): void;
  dialFailed(pool: string, backend: string, cause: string): void;
  tunnelEnded(choice: Choice, result: TunnelResult): void;
  /** @param status 499 when the client left first */
  requestEnded(pool: string | undefined, status: number, seconds: number): void;
}

/** What happened to backends, for metrics. */
export interface FleetObserver {
  ejected(pool: string): void;
  /** @param cause of a failed check; undefined when it passed */
  healthChecked(pool: string, cause: string | undefined): void;
}
