import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import type { FaultCode } from "../core/fault.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import { dial } from "../upstream/dial.ts";
import type { PickReason, ProxyObserver } from "./observer.ts";
import type { Picked } from "./pick.ts";
import type { ServedPool } from "./served-pool.ts";
import type { SessionLookup } from "./session-lookup.ts";

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
  readonly lookup: SessionLookup;
  readonly context: ReachContext;
}

export interface Reached<T> {
  readonly backend: LiveBackend;
  readonly reason: PickReason;
  readonly got: T;
  /** The backend's load counts this one until it is called. */
  readonly release: () => void;
}

export interface ReachContext {
  readonly observer: ProxyObserver;
  readonly clock: Clock;
}

type Tried<T> = Pick<Reached<T>, "got" | "release">;

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
    let fault: FaultCode | undefined;
    for (const backend of picked.candidates) {
      const got = await this.#try(backend);
      if (typeof got !== "string") return this.#settle(picked, { backend, ...got });
      if (got === "client_gone" || got === "bad_handshake") return got;
      fault ??= got;
      if (got !== "no_backend") {
        fault = got;
        if (++this.#silent >= MAX_SILENT) break;
      }
      if (this.#connectLeftMs <= 0) break;
    }
    return fault ?? (picked.candidates.sawFull ? "pool_full" : "no_backend");
  }

  async #settle(
    picked: Picked,
    own: Tried<T> & { readonly backend: LiveBackend },
  ): Promise<Reached<T> | FaultCode> {
    const { session, bound, candidates } = picked;
    const { lookup } = this.#attempt;
    if (own.backend.id === bound) return { ...own, reason: "bound" };
    const winner =
      session?.remembered === true && !candidates.isGuest
        ? await this.#bind(session.id, own.backend, bound)
        : undefined;
    if (winner === undefined) return { ...own, reason: lookup.failed ? "fallback" : "policy" };
    own.release();
    this.#attempt.discard(own.got);
    return { ...winner, reason: "bound" };
  }

  /** @returns the winner of a race, when it was lost and the winner can be reached */
  async #bind(
    session: string,
    backend: LiveBackend,
    bound: string | undefined,
  ): Promise<(Tried<T> & { readonly backend: LiveBackend }) | undefined> {
    const { lookup } = this.#attempt;
    const holder = await lookup.bind(session, backend.id, bound);
    if (holder === backend.id) return undefined;
    const winner = this.#served.pool.byId(holder);
    const tried = winner === undefined ? undefined : await this.#try(winner);
    if (winner !== undefined && typeof tried === "object") return { backend: winner, ...tried };
    await lookup.bind(session, backend.id, holder);
    return undefined;
  }

  async #try(backend: LiveBackend): Promise<Tried<T> | FaultCode> {
    const { kept, use, signal } = this.#attempt;
    this.#untried--;
    const release = backend.take();
    const ready = kept?.(backend);
    if (ready !== undefined) return { got: ready, release };
    backend.handshakes++;
    let got: T | FaultCode = "internal";
    try {
      const socket = await this.#connect(backend, signal);
      got = typeof socket === "string" ? socket : await use(socket, backend);
      if (typeof socket !== "string" && isFault(got) && got !== "client_gone") {
        this.#failed(backend, got);
      }
    } finally {
      backend.handshakes--;
      if (isFault(got)) release();
    }
    return isFault(got) ? got : { got, release };
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
      backend.dialled();
      return dialled;
    }
    if (signal.aborted) return "client_gone";
    backend.dialFailed(clock.nowMs());
    this.#failed(backend, dialled.failed);
    return "no_backend";
  }

  #failed(backend: LiveBackend, cause: string): void {
    this.#served.outlier?.refused(backend);
    this.#context.observer.dialFailed(this.#served.pool.name, backend.id, cause);
  }
}

function isFault(got: unknown): got is FaultCode {
  return typeof got === "string";
}
