// What the simulation takes for given. The guide (docs/scaling.md) states each of these; the edge's
// rate is what benchmarks/edge-handshakes.js measured, times the cores.

export const BACKENDS = 200;
export const EDGES = 10;
/** Zones: backend and edge i stand in zone i modulo this. */
export const ZONES = 3;

/** What a backend answers: 5 ms each, of authentication, history and subscriptions. */
export const BACKEND_HANDSHAKES_PER_S = 200;
/** Of one edge: 8 cores, TLS and Redis included. */
export const EDGE_HANDSHAKES_PER_S = 8 * 830;

/** The edge's `timeouts.handshake`, and how many silent backends it tries. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
export const MAX_SILENT = 3;

/** A client's delays before it connects again: the limit doubles from the first to the last. */
export const FIRST_DELAY_MS = 1_000;
export const LAST_DELAY_MS = 30_000;

/** `maxLoad` of Ringway's pool. */
export const MAX_LOAD = 1.25;
/** The share of the backends' capacity that `handshakesPerSecond` lets in. */
export const ADMITTED_SHARE = 0.8;
/** `timeouts.queue`; `limits.queuedHandshakes` is what goes in within it. */
export const QUEUE_MS = 5_000;

/** `drain.over` and `slowStart`. */
export const DRAIN_MS = 30_000;
export const SLOW_START_MS = 30_000;

/** Until the balancer in front sends no more connections to an edge that is gone. */
export const BALANCER_NOTICES_MS = 3_000;
/** Until health checks have failed three times, two seconds apart. */
export const HEALTH_NOTICES_MS = 6_000;
