import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import { requireFace, type Broker } from "./broker/broker.ts";
import { openBroker } from "./broker/index.ts";
import type { FleetOptions, FleetSettings } from "./fleet-options.ts";

/** What is closed at the end, last opened first. */
export type Closing = (() => Promise<void> | void)[];

/**
 * Opens a fleet's broker, and the one that has the store and the cursors where that is another.
 *
 * @returns both as one, which is closed by `closing`; a broker that was given is closed by its owner
 * @throws see `joinFleet`
 */
export async function openBrokers(
  options: FleetOptions,
  settings: FleetSettings,
  { clock, random, closing }: { readonly clock: Clock; readonly random: Random; closing: Closing },
): Promise<Broker> {
  const { id: nodeId, namespace, retention, logger } = settings;
  const { password, ca } = options;
  const open = async (broker: string | Broker): Promise<Broker> => {
    if (typeof broker !== "string") return broker;
    const context = { namespace, nodeId, retention, password, ca, clock, random, logger };
    const opened = await openBroker(broker, context);
    closing.push(async () => opened[Symbol.asyncDispose]());
    return opened;
  };
  const broker = await open(options.broker);
  const { store, cursors } = options.store === undefined ? broker : await open(options.store);
  const both = { ...broker, store, cursors };
  for (const face of options.requires ?? []) requireFace(both, face, `requires: ["${face}"]`);
  return both;
}
