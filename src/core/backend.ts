/** Where a backend listens, and how it is spoken to. */
export type BackendAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls: boolean }
  | { readonly kind: "unix"; readonly path: string };

/**
 * What an operator sees of a backend. `up`: it takes new sessions. `down`: its health checks or the
 * last dials have failed. `ejected`: it failed clients several times in a row. `draining`: it gets
 * nothing new and is being emptied. `starting`: a newcomer that takes its share by and by.
 */
export type BackendState = "up" | "down" | "ejected" | "draining" | "starting";

/** One process of the fleet, as policies and metrics see it. */
export interface Backend {
  /** Stable over restarts and address changes: the ring places by it. */
  readonly id: string;
  readonly url: string;
  readonly address: BackendAddress;
  /** Relative share of new sessions; 1 by default. */
  readonly weight: number;
  readonly state: BackendState;
  /** Tunnels that are open to it now. */
  readonly connections: number;
  /**
   * What policies weigh: open tunnels, handshakes and requests under way. It is counted from the
   * moment that a backend is tried, so that a burst of arrivals sees one another.
   */
  readonly load: number;
  /** Whether it takes new sessions now. Only policies that share out the load of all look at it. */
  readonly serves: boolean;
}

/** The members that a policy chooses among. */
export interface BackendSet {
  readonly backends: readonly Backend[];
  /** Grows by one whenever `backends` changes, so that a policy knows when to rebuild. */
  readonly generation: number;
}
