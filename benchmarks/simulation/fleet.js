import { Agenda } from "./agenda.js";
import { SeededChance } from "./chance.js";
import { Client } from "./client.js";
import { Edge } from "./edge.js";
import { HandshakeQueues } from "./handshake-queues.js";
import * as model from "./model.js";
import { placementOf } from "./placement.js";
import { Record } from "./record.js";
import { NONE, Sessions, STATE } from "./sessions.js";
import { SimulatedClock } from "./simulated-clock.js";

const STEP_MS = 10;

/**
 * All edges, backends and clients, on one clock that goes in steps of 10 ms. The order of a step is
 * timers, then sessions, then what promises have settled, so a seed repeats a run exactly.
 */
export class Fleet {
  clock = new SimulatedClock();
  #options;
  #agenda;
  #edgeQueues;
  #backendQueues;
  #client;
  #isDead;
  /** Sessions in queues of admission, and those that have just left one. */
  #waiting = 0;
  #settled = [];
  /** @type {(session: number) => void} called for each that opens, once the run has begun */
  onOpen = () => undefined;
  /** Where connections are sent; the balancer learns late that an edge is gone. */
  #balanced;

  /** @param capacity handshakes a second of a backend */
  constructor(variant, options) {
    const { sessions, seed, horizonMs, capacity = model.BACKEND_HANDSHAKES_PER_S } = options;
    this.#options = options;
    this.variant = variant;
    this.chance = new SeededChance(seed);
    this.sessions = new Sessions(sessions);
    // Smaller runs are the same picture: backends and edges stay as many, and get slower.
    const scale = sessions / 1_000_000;
    this.capacity = capacity * scale * model.BACKENDS;
    this.ids = Array.from({ length: model.BACKENDS }, (_, i) => `backend-${i}`);
    const admitted = (this.capacity * model.ADMITTED_SHARE) / model.EDGES;
    this.edges = Array.from(
      { length: model.EDGES },
      (_, place) =>
        new Edge(place, {
          variant,
          ids: this.ids,
          admitted: variant.admits ? admitted : undefined,
          clock: this.clock,
          random: this.chance,
          closeTunnel: (session) => this.close(session),
        }),
    );
    this.#balanced = this.edges;
    this.#agenda = new Agenda(sessions, { stepMs: STEP_MS, horizonMs });
    const most = 2 * model.BACKENDS;
    this.record = new Record(most);
    this.#isDead = new Uint8Array(most);
    this.#edgeQueues = new HandshakeQueues(model.EDGES, model.EDGE_HANDSHAKES_PER_S * scale);
    this.#backendQueues = new HandshakeQueues(most, capacity * scale);
    this.#client = new Client(this.sessions, { chance: this.chance, jitters: variant.jitters });
  }

  /**
   * Everybody is connected, as arrivals one by one have left it. Their chance is another one than
   * that of what follows: who came through which edge must not tell who leaves when.
   */
  fill() {
    const { edges, backends } = placementOf(this.variant, this.#options, () =>
      new Fleet(this.variant, { ...this.#options, seed: ~this.#options.seed }).#arriveAll(),
    );
    for (let session = 0; session < this.sessions.count; session++) {
      const edge = this.edges[edges[session]];
      this.sessions.edge[session] = edge.place;
      edge.backend(backends[session]).load++;
      this.#open(session, backends[session]);
    }
    return this;
  }

  #arriveAll() {
    const edges = new Uint8Array(this.sessions.count);
    const backends = new Int16Array(this.sessions.count);
    for (let session = 0; session < this.sessions.count; session++) {
      const edge = this.#anyEdge();
      const { backend, place } = this.#choose(session, edge);
      backend.load++;
      edges[session] = edge.place;
      backends[session] = place;
    }
    return { edges, backends };
  }

  get living() {
    return this.ids.length - this.#isDead.reduce((sum, dead) => sum + dead, 0);
  }

  /** @param onEnd of an open session that is due by `schedule` */
  async run(untilMs, { until = () => false, onEnd } = {}) {
    while (this.clock.nowMs() < untilMs) {
      const nowMs = this.clock.nowMs() + STEP_MS;
      this.clock.moveTo(nowMs);
      this.#agenda.run(nowMs / STEP_MS, (session) => this.#act(session, onEnd));
      // Admission answers with promises: what they set off belongs to this step.
      if (this.#waiting > 0) {
        await undefined;
        for (const settle of this.#settled.splice(0)) settle();
      }
      if (nowMs % 1_000 === 0) {
        this.record.endSecond(this.sessions.count, this.living);
        if (until()) return;
      }
    }
  }

  schedule(session, inMs) {
    this.#agenda.add(session, this.clock.nowMs() + inMs);
  }

  /** Ends a connection; its client comes back. @param inMs instead of the client's own delay */
  close(session, inMs) {
    const { backend, edge, state, failures } = this.sessions;
    const place = backend[session];
    const live = this.edges[edge[session]].backend(place);
    live.connections--;
    live.load--;
    this.record.closed(place);
    state[session] = STATE.away;
    failures[session] = 0;
    this.schedule(session, inMs ?? this.#client.delayMs(session));
  }

  grow(count) {
    const first = this.ids.length;
    for (let i = 0; i < count; i++) this.ids.push(`backend-${first + i}`);
    for (const edge of this.edges) edge.grow(this.ids);
  }

  /** Both kinds are gone at once, and say so to whoever connects: the machines answer with resets. */
  lose({ backends, edges }) {
    for (const place of backends) this.#isDead[place] = 1;
    for (const edge of edges) edge.isDead = true;
    const { state, backend, edge, count } = this.sessions;
    for (let session = 0; session < count; session++) {
      if (state[session] !== STATE.open) continue;
      if (this.#isDead[backend[session]] === 1 || this.edges[edge[session]].isDead) {
        this.close(session);
      }
    }
    this.clock.after(model.BALANCER_NOTICES_MS, () => {
      this.#balanced = this.edges.filter(({ isDead }) => !isDead);
    });
    this.clock.after(model.HEALTH_NOTICES_MS, () => {
      for (const { pool } of this.edges) {
        for (const place of backends) pool.backends[place].health = "unhealthy";
      }
    });
  }

  drain(places) {
    const { state, backend, edge, count } = this.sessions;
    const lists = new Map();
    for (const place of places)
      lists.set(
        place,
        this.edges.map(() => []),
      );
    for (let session = 0; session < count; session++) {
      if (state[session] !== STATE.open) continue;
      lists.get(backend[session])?.[edge[session]].push(session);
    }
    for (const [place, byEdge] of lists) {
      for (const one of this.edges) one.beginDrain(one.backend(place), byEdge[one.place]);
    }
  }

  /** They are empty, and were replaced. */
  undrain(places) {
    for (const edge of this.edges) {
      for (const place of places) edge.endDrain(edge.backend(place));
    }
  }

  isEmpty(place) {
    return this.edges.every((edge) => edge.backend(place).load === 0);
  }

  #anyEdge() {
    return this.#balanced[this.chance.below(this.#balanced.length)];
  }

  #act(session, onEnd) {
    switch (this.sessions.state[session]) {
      case STATE.open:
        onEnd(session);
        break;
      case STATE.away:
        this.#arrive(session);
        break;
      case STATE.arriving:
        this.#enter(session);
        break;
      case STATE.shaking:
        this.#shaken(session);
        break;
      case STATE.stuck:
        this.#giveUp(session);
        break;
    }
  }

  /** The client connects: TCP, TLS, and its request. */
  #arrive(session) {
    const edge = this.#anyEdge();
    if (edge.isDead) {
      this.#fail(session);
      return;
    }
    this.sessions.edge[session] = edge.place;
    this.sessions.tries[session] = 0;
    this.sessions.state[session] = STATE.arriving;
    const waitMs = this.#edgeQueues.enter(edge.place, this.clock.nowMs());
    if (waitMs < STEP_MS) this.#enter(session);
    else this.schedule(session, waitMs);
  }

  #enter(session) {
    const entered = this.edges[this.sessions.edge[session]].enter();
    if (typeof entered === "string") {
      this.#entered(session, entered);
      return;
    }
    this.sessions.state[session] = STATE.queued;
    this.#waiting++;
    void entered.then((answer) => {
      this.#settled.push(() => {
        this.#waiting--;
        this.#entered(session, answer);
      });
    });
  }

  #entered(session, answer) {
    if (answer === "admitted") this.#reach(session);
    else this.#refused(session);
  }

  /** As `proxy/reach.ts` goes through the candidates. */
  #reach(session) {
    const { sessions } = this;
    const edge = this.edges[sessions.edge[session]];
    const chosen = this.#choose(session, edge);
    if (chosen === undefined) {
      this.#refused(session);
      return;
    }
    const { backend, place, isGuest } = chosen;
    sessions.isGuest[session] = isGuest ? 1 : 0;
    sessions.backend[session] = place;
    backend.load++;
    backend.handshakes++;
    this.record.sent(place);
    const waitMs = this.#backendQueues.enter(place, this.clock.nowMs());
    const isInTime = waitMs <= model.HANDSHAKE_TIMEOUT_MS;
    sessions.state[session] = isInTime ? STATE.shaking : STATE.stuck;
    this.schedule(session, isInTime ? waitMs : model.HANDSHAKE_TIMEOUT_MS);
  }

  /** @returns the first candidate that accepts a connection */
  #choose(session, edge) {
    const { sessions } = this;
    const home = sessions.home[session];
    const known = this.variant.stores && home !== NONE ? edge.backend(home) : undefined;
    const candidates = edge.candidates(sessions.key(session), known);
    for (const backend of candidates) {
      const place = this.#placeOf(backend);
      if (sessions.hasTried(session, place)) continue;
      if (this.#isDead[place] === 0) {
        backend.dialled();
        return { backend, place, isGuest: candidates.isGuest };
      }
      backend.dialFailed(this.clock.nowMs());
    }
    return undefined;
  }

  #placeOf({ id }) {
    return Number(id.slice("backend-".length));
  }

  #shaken(session) {
    const place = this.sessions.backend[session];
    this.edges[this.sessions.edge[session]].backend(place).handshakes--;
    this.#open(session, place);
  }

  #open(session, place) {
    const { sessions } = this;
    const edge = this.edges[sessions.edge[session]];
    const backend = edge.backend(place);
    const last = sessions.last[session];
    backend.connections++;
    sessions.state[session] = STATE.open;
    sessions.backend[session] = place;
    sessions.last[session] = place;
    if (this.variant.stores && sessions.isGuest[session] === 0) sessions.home[session] = place;
    const lastServes = last !== NONE && this.#isDead[last] === 0 && !edge.backend(last).isDraining;
    this.record.opened({ backend: place, last, lastServes });
    edge.opened(session, backend);
    this.onOpen(session);
  }

  /** The backend did not answer in time: the edge tries another one, then answers 504. */
  #giveUp(session) {
    const { tried, tries, backend, edge } = this.sessions;
    const place = backend[session];
    const live = this.edges[edge[session]].backend(place);
    live.handshakes--;
    live.load--;
    this.record.timeouts++;
    if (tries[session] + 1 >= model.MAX_SILENT) {
      this.#fail(session);
      return;
    }
    tried[tries[session]++][session] = place;
    this.#reach(session);
  }

  /** 503. */
  #refused(session) {
    this.record.refusals++;
    this.#fail(session);
  }

  #fail(session) {
    this.sessions.state[session] = STATE.away;
    this.sessions.failures[session]++;
    this.schedule(session, this.#client.delayMs(session));
  }
}
