import type { Logger } from "../core/logger.ts";
import type { AtLeastOnce } from "./at-least-once.ts";
import type { BusListener } from "./broker/bus.ts";
import type { Channels } from "./channels.ts";
import type { Presence } from "./presence/presence.ts";
import type { Sharding } from "./sharding.ts";

/** The parts of a node that hear the bus. */
export interface Hearers {
  readonly broker: { readonly name: string };
  readonly logger: Logger;
  readonly channels: Channels;
  readonly presence: Presence;
  readonly sharding: Sharding | undefined;
  readonly atLeastOnce: AtLeastOnce | undefined;
}

/** Gives what comes from the bus to the part of the node that it is for. */
export function listenerOf(hearers: Hearers): BusListener {
  const { broker, logger, channels, presence, sharding, atLeastOnce } = hearers;
  return {
    received(channel, payload) {
      const isTaken =
        sharding?.receive(channel, payload) === true ||
        presence.receive(channel, payload) ||
        atLeastOnce?.deliveries.receive(channel, payload) === true;
      if (!isTaken) channels.receive(channel, payload);
    },
    interrupted(cause) {
      logger.warn("messages may be missed", { broker: broker.name, cause });
      channels.interrupted();
    },
    restored() {
      logger.info("messages arrive again", { broker: broker.name });
      channels.restored();
      sharding?.restored();
      presence.restored();
      atLeastOnce?.deliveries.restored();
    },
  };
}
