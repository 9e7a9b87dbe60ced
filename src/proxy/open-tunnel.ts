import type { FaultCode } from "../core/fault.ts";

/** Who sent something, or ended a tunnel. */
export type Side = "client" | "backend";

/** What has passed in one direction. Only WebSockets have messages and frames. */
export interface Traffic {
  readonly bytes: number;
  readonly messages: number;
  readonly frames: number;
}

export interface TunnelResult {
  readonly durationMs: number;
  /** Who ended it first. */
  readonly closedBy: Side | "edge";
  /** Of a WebSocket: with which code, 1006 where there was no Close. */
  readonly closeCode: number | undefined;
  /** Why the edge ended it, when it did. */
  readonly fault: FaultCode | undefined;
  readonly fromClient: Traffic;
  readonly fromBackend: Traffic;
}

/** One direction of an open tunnel. */
interface OpenFlow {
  /** Something was read since the flag was last cleared. */
  active: boolean;
  readonly traffic: Traffic;
}

/** A tunnel as those see it who look after all of them, whatever it carries. */
export interface OpenTunnel {
  /** Its peers have little time left to finish. */
  readonly isEnding: boolean;
  readonly idleMs: number;
  readonly fromClient: OpenFlow;
  readonly fromBackend: OpenFlow;
  /** Ends it in order, as its protocol has it. @param closeCode in place of the fault's own */
  close(fault: FaultCode, closeCode?: number): void;
  /** Looks whether both peers are there; called several times in each of its intervals. */
  keepAlive(nowMs: number): void;
  /** Ends it at once. */
  destroy(): void;
}

/** Whether the backend broke it off, or broke the rules. */
export function isAbnormal({ fault }: TunnelResult): boolean {
  return fault === "backend_lost" || fault === "bad_backend_frame";
}
