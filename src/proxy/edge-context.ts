import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Random } from "../core/random.ts";
import type { SessionStore } from "../session/session-store.ts";
import type { ProxyObserver } from "./observer.ts";
import type { RouteOptions } from "./route.ts";
import type { ServedPool } from "./served-pool.ts";
import type { SessionsInUse } from "./sessions-in-use.ts";
import type { Tunnels } from "./tunnels.ts";

/** All that the steps of a request share. Made and closed by the composition root. */
export interface EdgeContext {
  readonly routes: readonly RouteOptions[];
  readonly pools: ReadonlyMap<string, ServedPool>;
  readonly store: SessionStore;
  /** How long one request may wait for the store. */
  readonly storeDeadlineMs: number;
  readonly sessionsInUse: SessionsInUse;
  readonly tunnels: Tunnels;
  readonly observer: ProxyObserver;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** From the moment that the edge shuts down: connections end with their answer. */
  readonly isClosing: () => boolean;
}
