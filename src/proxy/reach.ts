import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import type { FaultCode } from "../core/fault.ts";
import type { SessionStore } from "../session/session-store.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import { dial } from "./dial.ts";
import type { ProxyObserver } from "./observer.ts";
import type { Picked, PickReason } from "./pick.ts";
import type { ServedPool } from "./served-pool.ts";

/** Backends that took the connection but then said nothing: more of them are not waited for. */
const MAX_SILENT = 3;

/** How one backend is tried: with a fresh connection, or one that was kept. */
export interface Attempt<T> {
  /** Something that needs no connection; undefined when one has to be opened. */
  readonly kept?: (backend: LiveBackend) => T | undefined;
  /** What is done with a fresh connection; a fault means that the next candidate may be tried. */
  readonly use: (socket: Socket, backend: LiveBackend) => T | FaultCode | Promise<T | FaultCode>;
  /** Gives back what another request of the same session has made useless. */
  readonly discard: (got: T) => void;
  readonly signal: AbortSignal;
  readonly context: ReachContext;
}

export interface Reached<T> {
  readonly backend: LiveBackend;
  readonly reason: PickReason;
  readonly got: T;
}

export interface ReachContext {
  readonly store: SessionStore;
  readonly observer: ProxyObserver;
  readonly clock: Clock;
}

/** See {@link Reach}; one call an upgrade or request. */
export function reach<T>(
  served: ServedPool,
  picked: Picked,
  attempt: Attempt<T>,
): Promise<Reached<T> | FaultCode> {
  return new Reach(served, attempt).firstOf(picked);
}

/**
 * Goes through the candidates until one can be used, as long as nothing was sent to the client, and
 * binds the session to it. Of two requests of one session that race, the second uses what the
 * first was given.
 */
class Reach<T> {
  readonly #served: ServedPool;
  readonly #context: ReachContext;
  readonly #attempt: Attempt<T>;
  #connectLeftMs: number;
  #untried: number;
  #silent = 0;

  constructor(served: ServedPool, attempt: Attempt<T>) {
    this.#served = served;
    this.#context = attempt.context;
    this.#attempt = attempt;
    this.#connectLeftMs = served.timeouts.connectMs;
    this.#untried = served.pool.backends.length;
  }

  async firstOf(picked: Picked): Promise<Reached<T> | FaultCode> {
    let fault: FaultCode = "no_backend";
    for (const backend of picked.candidates) {
      const got = await this.#try(backend);
      if (typeof got !== "string") return this.#bind(picked, { backend, got: got.value });
      if (got === "client_gone" || got === "bad_handshake") return got;
      if (got !== "no_backend") {
        fault = got;
        if (++this.#silent >= MAX_SILENT) break;
      }
      if (this.#connectLeftMs <= 0) break;
    }
    return fault;
  }

  async #bind(
    picked: Picked,
    own: { backend: LiveBackend; got: T },
  ): Promise<Reached<T> | FaultCode> {
    const { session, bound } = picked;
    const reached: Reached<T> = {
      ...own,
      reason: own.backend.id === bound ? "bound" : "policy",
    };
    if (session === undefined) return reached;
    const { store } = this.#context;
    const holder = await store.bind(session.id, own.backend.id, bound);
    if (holder === own.backend.id) return reached;

    const winner = this.#served.pool.byId(holder);
    const got = winner === undefined ? undefined : await this.#try(winner);
    if (winner === undefined || got === undefined || typeof got === "string") {
      await store.bind(session.id, own.backend.id, holder);
      return reached;
    }
    this.#attempt.discard(own.got);
    return { backend: winner, reason: "bound", got: got.value };
  }

  async #try(backend: LiveBackend): Promise<{ readonly value: T } | FaultCode> {
    const { kept, use, signal } = this.#attempt;
    this.#untried--;
    const ready = kept?.(backend);
    if (ready !== undefined) return { value: ready };
    const socket = await this.#connect(backend, signal);
    if (typeof socket === "string") return socket;
    const got = await use(socket, backend);
    if (!isFault(got)) return { value: got };
    if (got !== "client_gone") this.#failed(backend, got);
    return got;
  }

  /**
   * Each candidate gets half of the time that is left, the last one all of it: one that swallows
   * packets can't use up what the others would need.
   */
  async #connect(backend: LiveBackend, signal: AbortSignal): Promise<Socket | FaultCode> {
    const { clock } = this.#context;
    const startMs = clock.nowMs();
    const timeoutMs = this.#untried > 0 ? this.#connectLeftMs / 2 : this.#connectLeftMs;
    const dialled = await dial(backend.address, {
      tls: this.#served.tls,
      timeoutMs: Math.max(1, timeoutMs),
      clock,
      signal,
    });
    this.#connectLeftMs -= clock.nowMs() - startMs;
    if (!("failed" in dialled)) {
      backend.state = "up";
      return dialled;
    }
    if (signal.aborted) return "client_gone";
    backend.state = "down";
    this.#failed(backend, dialled.failed);
    return "no_backend";
  }

  #failed(backend: LiveBackend, cause: string): void {
    this.#context.observer.dialFailed(this.#served.pool.name, backend.id, cause);
  }
}

function isFault(got: unknown): got is FaultCode {
  return typeof got === "string";
}
