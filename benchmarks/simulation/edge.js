import { Admission } from "../../dist/proxy/admission.js";
import { Candidates } from "../../dist/proxy/candidates.js";
import { Drains } from "../../dist/proxy/drains.js";
import { Pool } from "../../dist/upstream/pool.js";
import { DRAIN_MS, QUEUE_MS, SLOW_START_MS } from "./model.js";

const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const LIMITS = { connections: Infinity, pendingHandshakes: Infinity };
/** Nobody leaves while it waits for its turn: backing out is not simulated. */
const patience = { aborted: false, addEventListener: quiet, removeEventListener: quiet };

/**
 * One edge: Ringway's own pool, policy, candidates, admission and drains, on a simulated clock. What
 * is made up is the network: see `Fleet`.
 */
export class Edge {
  #clock;
  #random;
  /** The tunnels of the backends that are being drained, by id. */
  #draining = new Map();

  /** @param admitted handshakes a second that this edge lets in; undefined for all */
  constructor(place, { variant, ids, admitted, clock, random, closeTunnel }) {
    this.place = place;
    this.isDead = false;
    this.#clock = clock;
    this.#random = random;
    this.closeTunnel = closeTunnel;
    const pool = new Pool("simulated", ids.map(backendOptions));
    this.served = {
      pool,
      policy: variant.makePolicy(random),
      limits: LIMITS,
      slowStartMs: variant.spreads ? SLOW_START_MS : 0,
      drain: { overMs: variant.spreads ? DRAIN_MS : 0, closeCode: 1012 },
    };
    this.admission =
      admitted === undefined
        ? undefined
        : new Admission({
            perSecond: admitted,
            maxQueued: Math.max(1, (admitted * QUEUE_MS) / 1_000),
            maxWaitMs: QUEUE_MS,
            clock,
          });
    this.drains = new Drains({
      tunnels: { to: ({ id }) => this.#tunnelsOf(id) },
      clock,
      logger,
    });
  }

  get pool() {
    return this.served.pool;
  }

  backend(place) {
    return this.pool.backends[place];
  }

  /** @returns "admitted", "storm", or a promise of them */
  enter() {
    return this.admission?.enter(patience) ?? "admitted";
  }

  candidates(key, home) {
    return new Candidates({
      served: this.served,
      policy: this.served.policy,
      key,
      home,
      clock: this.#clock,
      random: this.#random,
      onPanic: quiet,
    });
  }

  /** The membership from now on; newcomers start slowly. */
  grow(ids) {
    const before = this.pool.backends.length;
    this.pool.replace(ids.map(backendOptions));
    for (const newcomer of this.pool.backends.slice(before)) {
      newcomer.startSlowly(this.#clock.nowMs(), this.served.slowStartMs);
    }
  }

  /** @param sessions that have a tunnel to it here */
  beginDrain(backend, sessions) {
    this.#draining.set(
      backend.id,
      sessions.map((session) => this.#tunnel(session)),
    );
    this.drains.begin(this.served, backend, "operator");
  }

  endDrain(backend) {
    this.drains.end(this.served, backend, "operator");
    this.#draining.delete(backend.id);
  }

  /** One that was under way when the drain began takes part in it. */
  opened(session, backend) {
    this.#draining.get(backend.id)?.push(this.#tunnel(session));
  }

  #tunnel(session) {
    const tunnel = {
      isEnding: false,
      close: () => {
        tunnel.isEnding = true;
        this.closeTunnel(session);
      },
    };
    return tunnel;
  }

  /** They are closed from the first one on, so those that are over stand in front. */
  #tunnelsOf(id) {
    const tunnels = this.#draining.get(id) ?? [];
    const open = tunnels.findIndex(({ isEnding }) => !isEnding);
    if (open !== 0) tunnels.splice(0, open === -1 ? tunnels.length : open);
    return tunnels;
  }
}

function backendOptions(id) {
  const address = { kind: "tcp", host: id, port: 80, tls: false };
  return { id, url: `http://${id}`, address, weight: 1 };
}
