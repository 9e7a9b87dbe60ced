import { RingwayError } from "../core/errors.ts";
import type { FaultSource } from "../core/fault.ts";

interface FleetFault {
  readonly source: FaultSource;
  readonly retryable: boolean;
}

const fleetFaults = {
  /** It can't be reached. */
  broker_away: { source: "broker", retryable: true },
  /** As many messages wait for the broker as may: it is away, or slower than its publishers. */
  queue_full: { source: "broker", retryable: true },
  /** The log has not confirmed a message in time; it may hold it. */
  not_stored: { source: "broker", retryable: true },
  /** The broker has no such face, or it is switched off there. */
  capability_missing: { source: "broker", retryable: false },
  /** The client of a broker is an optional package, which is not installed. */
  package_missing: { source: "backend", retryable: false },
  bad_channel_name: { source: "backend", retryable: false },
  bad_message: { source: "backend", retryable: false },
  /** A subscription whose options make no sense. */
  bad_subscription: { source: "backend", retryable: false },
  message_too_big: { source: "backend", retryable: false },
  /** A table of shards is full, or a change of it makes no sense. */
  bad_shards: { source: "backend", retryable: false },
  /** Others changed the same table all the time. */
  shards_contended: { source: "store", retryable: true },
  /** The owner of a sharded channel did not answer in time. */
  owner_away: { source: "backend", retryable: true },
  fleet_left: { source: "backend", retryable: false },
} as const satisfies Record<string, FleetFault>;

export type FleetErrorCode = keyof typeof fleetFaults;

/** What the fleet library throws; its message says what to do. */
export class FleetError extends RingwayError {
  override readonly name = "FleetError";
  readonly code: FleetErrorCode;
  override readonly source: FaultSource;
  override readonly retryable: boolean;

  constructor(code: FleetErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.source = fleetFaults[code].source;
    this.retryable = fleetFaults[code].retryable;
  }
}
