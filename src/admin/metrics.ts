import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { collectFleet } from "./fleet-metrics.ts";
import type { FleetObserver, ProxyObserver } from "../proxy/observer.ts";
import type { TunnelResult } from "../proxy/open-tunnel.ts";
import type { ServedPool } from "../proxy/served-pool.ts";
import type { Tunnels } from "../proxy/tunnels.ts";
import { closeCodeLabel } from "../wire/close-frame.ts";

const HANDSHAKE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const STORE_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];
/** Fault codes and the codes of Node.js and OpenSSL: names that were written into a program. */
const CAUSE = /^[A-Za-z][A-Za-z0-9_]{1,60}$/;

/** What metrics read when they are scraped, so that a message costs them nothing. */
export interface MetricSources {
  readonly pools: () => ReadonlyMap<string, ServedPool>;
  readonly tunnels: Tunnels;
  /** Of backends, one row for each pool and source. */
  readonly sources: () => Iterable<{
    readonly pool: string;
    readonly name: string;
    readonly isFailing: boolean;
    readonly backends: number;
  }>;
}

interface Volume {
  bytes: number;
  frames: number;
  messages: number;
}

export type EdgeMetrics = ProxyObserver & FleetObserver;

type Direction = "from_client" | "from_backend";

/** Makes the edge's metrics in a registry, and the observer that feeds them. */
export function createMetrics(registry: Registry, sources: MetricSources): EdgeMetrics {
  const registers = [registry];
  const upgrades = new Counter({
    name: "ringway_upgrades_total",
    help: "WebSocket upgrades by result: accepted, refused by the backend, or the fault's code.",
    labelNames: ["pool", "result"],
    registers,
  });
  const handshakes = new Histogram({
    name: "ringway_handshake_seconds",
    help: "Time from a client's upgrade request to its answer.",
    labelNames: ["pool"],
    buckets: HANDSHAKE_BUCKETS,
    registers,
  });
  const connections = new Counter({
    name: "ringway_tcp_connections_total",
    help: "Connections to TCP listeners by result: accepted, or the fault's code.",
    labelNames: ["pool", "result"],
    registers,
  });
  const picks = new Counter({
    name: "ringway_picks_total",
    help: "Backends chosen, by reason: bound in the store, by the policy, or fallback without the store.",
    labelNames: ["pool", "reason"],
    registers,
  });
  const panics = new Counter({
    name: "ringway_panics_total",
    help: "Picks for which no backend was fit, so that ejected and failing ones were tried.",
    labelNames: ["pool"],
    registers,
  });
  const ejections = new Counter({
    name: "ringway_ejections_total",
    help: "Backends that were ejected since they failed several clients in a row.",
    labelNames: ["pool"],
    registers,
  });
  const healthChecks = new Counter({
    name: "ringway_health_checks_total",
    help: "Health checks by result: passed or failed.",
    labelNames: ["pool", "result"],
    registers,
  });
  const dialFailures = new Counter({
    name: "ringway_dial_failures_total",
    help: "Backends that could not be connected to or did not answer, by cause.",
    labelNames: ["pool", "backend", "cause"],
    registers,
  });
  const storeSeconds = new Histogram({
    name: "ringway_store_seconds",
    help: "Time that requests waited for an answer of the session store.",
    labelNames: ["operation"],
    buckets: STORE_BUCKETS,
    registers,
  });
  const storeErrors = new Counter({
    name: "ringway_store_errors_total",
    help: "Questions that the session store did not answer, by cause.",
    labelNames: ["operation", "cause"],
    registers,
  });
  const closes = new Counter({
    name: "ringway_tunnel_closes_total",
    help: "Tunnels ended, by who closed first and the WebSocket close code (1006: no Close).",
    labelNames: ["pool", "by", "code"],
    registers,
  });
  const requests = new Counter({
    name: "ringway_http_requests_total",
    help: "Plain HTTP requests by status class; 499 when the client left first.",
    labelNames: ["pool", "status"],
    registers,
  });
  const requestSeconds = new Histogram({
    name: "ringway_http_request_seconds",
    help: "Time from a plain HTTP request to the end of its answer.",
    labelNames: ["pool"],
    buckets: HANDSHAKE_BUCKETS,
    registers,
  });
  const ended = collectTraffic(registers, sources);
  collectFleet(registers, sources.pools);
  collectDiscovery(registers, sources);

  return {
    upgradeEnded(pool = "", result, seconds) {
      upgrades.inc({ pool, result });
      handshakes.observe({ pool }, seconds);
    },
    connectionEnded: (pool = "", result) => connections.inc({ pool, result }),
    picked: ({ pool, reason }) => picks.inc({ pool, reason }),
    panicked: (pool) => panics.inc({ pool }),
    ejected: (pool) => ejections.inc({ pool }),
    healthChecked(pool, cause) {
      healthChecks.inc({ pool, result: cause === undefined ? "passed" : "failed" });
    },
    dialFailed(pool, backend, cause) {
      dialFailures.inc({ pool, backend, cause: CAUSE.test(cause) ? cause : "other" });
    },
    storeAnswered: (operation, seconds) => storeSeconds.observe({ operation }, seconds),
    storeFailed: (operation, cause) => storeErrors.inc({ operation, cause }),
    tunnelEnded({ pool }, result) {
      closes.inc({ pool, by: result.closedBy, code: closeLabel(result) });
      add(ended(pool, "from_client"), result.fromClient);
      add(ended(pool, "from_backend"), result.fromBackend);
    },
    requestEnded(pool = "", status, seconds) {
      requests.inc({ pool, status: status === 499 ? "499" : `${Math.floor(status / 100)}xx` });
      requestSeconds.observe({ pool }, seconds);
    },
  };
}

/** A TCP connection ends without a code. */
function closeLabel({ closeCode }: TunnelResult): string {
  return closeCode === undefined ? "none" : closeCodeLabel(closeCode);
}

/** Volumes of ended tunnels are kept, those of open ones are read from the tunnels at a scrape. */
function collectTraffic(
  registers: Registry[],
  sources: MetricSources,
): (pool: string, direction: Direction) => Volume {
  const ended = new Map<string, Volume>();
  const endedOf = (pool: string, direction: Direction): Volume => {
    const key = `${pool}\0${direction}`;
    const volume = ended.get(key) ?? { bytes: 0, frames: 0, messages: 0 };
    ended.set(key, volume);
    return volume;
  };
  const totals = (): Map<string, Volume> => {
    const sums = new Map([...ended].map(([key, volume]) => [key, { ...volume }]));
    const sumOf = (key: string): Volume => {
      const sum = sums.get(key) ?? { bytes: 0, frames: 0, messages: 0 };
      sums.set(key, sum);
      return sum;
    };
    for (const { pool, fromClient, fromBackend } of sources.tunnels.traffic()) {
      add(sumOf(`${pool}\0from_client`), fromClient);
      add(sumOf(`${pool}\0from_backend`), fromBackend);
    }
    return sums;
  };
  const kinds = {
    bytes: "Bytes passed through tunnels, frame headers included.",
    frames: "WebSocket frames passed through tunnels, control frames included.",
    messages: "Complete data messages passed through tunnels.",
  } as const;
  for (const [kind, help] of Object.entries(kinds)) {
    new Counter({
      name: `ringway_tunnel_${kind}_total`,
      help,
      labelNames: ["pool", "direction"],
      registers,
      collect() {
        this.reset();
        for (const [key, volume] of totals()) {
          const [pool = "", direction = ""] = key.split("\0");
          this.inc({ pool, direction }, volume[kind as keyof Volume]);
        }
      },
    });
  }
  return endedOf;
}

function collectDiscovery(registers: Registry[], { sources }: MetricSources): void {
  new Gauge({
    name: "ringway_discovery_up",
    help: "1 while a source of backends answers, 0 while it fails and its last answer stands.",
    labelNames: ["pool", "source"],
    aggregator: "min",
    registers,
    collect() {
      this.reset();
      for (const { pool, name, isFailing } of sources()) {
        this.set({ pool, source: name }, isFailing ? 0 : 1);
      }
    },
  });
  new Gauge({
    name: "ringway_discovery_backends",
    help: "Backends that a source has found.",
    labelNames: ["pool", "source"],
    aggregator: "max",
    registers,
    collect() {
      this.reset();
      for (const { pool, name, backends } of sources()) {
        this.set({ pool, source: name }, backends);
      }
    },
  });
}

function add(sum: Volume, more: Readonly<Volume>): void {
  sum.bytes += more.bytes;
  sum.frames += more.frames;
  sum.messages += more.messages;
}
