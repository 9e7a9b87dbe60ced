import { Counter, Gauge, type Registry } from "prom-client";
import type { ServedPool } from "../proxy/served-pool.ts";

const STATES = ["up", "down", "ejected", "draining", "starting"] as const;

/**
 * Metrics of pools and backends, read from them at a scrape.
 *
 * `aggregator` says how those of several workers make one: by their sum when nothing is said.
 */
export function collectFleet(
  registers: Registry[],
  pools: () => ReadonlyMap<string, ServedPool>,
): void {
  new Gauge({
    name: "ringway_tunnels_open",
    help: "Tunnels that are open now.",
    labelNames: ["pool", "backend"],
    registers,
    collect() {
      this.reset();
      for (const [pool, served] of pools()) {
        const { backends, leaving } = served.pool;
        for (const { id, connections } of [...backends, ...leaving]) {
          this.inc({ pool, backend: id }, connections);
        }
      }
    },
  });
  new Counter({
    name: "ringway_ring_changes_total",
    help: "Changes of a pool's membership that its ring has followed.",
    labelNames: ["pool"],
    registers,
    collect() {
      this.reset();
      for (const [pool, { policy }] of pools()) {
        if (policy.movement !== undefined) this.inc({ pool }, policy.movement.changes);
      }
    },
  });
  new Gauge({
    name: "ringway_ring_moved_ratio",
    help: "Share of all keys that the last change of membership gave another backend.",
    labelNames: ["pool"],
    aggregator: "average",
    registers,
    collect() {
      this.reset();
      for (const [pool, { policy }] of pools()) {
        if (policy.movement !== undefined) this.set({ pool }, policy.movement.lastShare);
      }
    },
  });
  new Gauge({
    name: "ringway_backend_up",
    help: "1 while the backend takes sessions, 0 while it is down, ejected or draining.",
    labelNames: ["pool", "backend"],
    aggregator: "min",
    registers,
    collect() {
      this.reset();
      for (const [pool, served] of pools()) {
        for (const { id, serves } of served.pool.backends) {
          this.set({ pool, backend: id }, serves ? 1 : 0);
        }
      }
    },
  });
  new Gauge({
    name: "ringway_backends",
    help: "Backends by state: up, down, ejected, draining or starting.",
    labelNames: ["pool", "state"],
    aggregator: "max",
    registers,
    collect() {
      this.reset();
      for (const [pool, served] of pools()) {
        for (const state of STATES) this.set({ pool, state }, 0);
        for (const { state } of served.pool.backends) this.inc({ pool, state });
      }
    },
  });
  new Gauge({
    name: "ringway_handshakes_queued",
    help: "Handshakes that wait for their turn (limits.handshakesPerSecond).",
    labelNames: ["pool"],
    registers,
    collect() {
      this.reset();
      for (const [pool, { admission }] of pools()) {
        if (admission !== undefined) this.set({ pool }, admission.queued);
      }
    },
  });
}
