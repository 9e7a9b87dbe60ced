import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Random } from "../../core/random.ts";
import { FleetError } from "../fleet-error.ts";
import type { Bus } from "./bus.ts";
import type { Cursors } from "./cursors.ts";
import type { Log, Retention } from "./log.ts";
import type { Store } from "./store.ts";

export type Capability = "bus" | "log" | "store" | "cursors";

/** What nodes of a fleet talk through. Whoever opened it closes it. */
export interface Broker extends AsyncDisposable {
  /** For logs and errors: its URL without a password. */
  readonly name: string;
  readonly bus: Bus;
  readonly log: Log | undefined;
  readonly store: Store | undefined;
  readonly cursors: Cursors | undefined;
  /** Why a face is absent and how to get it, for those that are. */
  readonly missing: Readonly<Partial<Record<Capability, string>>>;
}

/** What every broker is opened with. */
export interface BrokerContext {
  /** Fleets with different ones do not hear each other. */
  readonly namespace: string;
  /** Of the node, unique among those that live. */
  readonly nodeId: string;
  readonly retention: Retention;
  /** In place of a password in the URL. */
  readonly password: string | undefined;
  /** PEM certificates that TLS servers are verified against; the system's when absent. */
  readonly ca: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Which faces it has. */
export function capabilitiesOf(broker: Broker): readonly Capability[] {
  return (["bus", "log", "store", "cursors"] as const).filter((face) => broker[face] !== undefined);
}

export type OpenBroker = (url: string, context: BrokerContext) => Promise<Broker>;

/**
 * The face of a broker that something needs.
 *
 * @param purpose completes "… needs it", such as "at-least-once delivery"
 * @throws FleetError `capability_missing` that says what to do
 */
export function requireFace<F extends Capability>(
  broker: Broker,
  face: F,
  purpose: string,
): NonNullable<Broker[F]> {
  const found = broker[face];
  if (found !== undefined) return found;
  throw missingFace(broker, face, purpose);
}

/** @param purpose completes "… needs it" */
export function missingFace(broker: Broker, face: Capability, purpose: string): FleetError {
  const why = broker.missing[face] ?? "it has none";
  return new FleetError(
    "capability_missing",
    `${broker.name} has no ${face}, and ${purpose} needs it: ${why}`,
  );
}
