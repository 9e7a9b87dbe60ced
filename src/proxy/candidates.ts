import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Random } from "../core/random.ts";
import type { Policy } from "../policy/policy.ts";
import type { LiveBackend } from "../upstream/backend.ts";
import type { ServedPool } from "./served-pool.ts";

/** A newcomer takes at least this share from its first moment on. */
const LEAST_SHARE = 0.05;
const UINT32 = 2 ** 32;

export interface CandidatesOptions {
  readonly served: ServedPool;
  readonly policy: Policy;
  readonly key: string | undefined;
  /** Where the session is bound to, as far as that backend exists. */
  readonly home: LiveBackend | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** No backend is fit: those that are not are used anyway. */
  readonly onPanic: () => void;
}

/** `failing`: its health checks or last dials failed, or it is ejected. */
type Standing = "ready" | "starting" | "failing" | "full" | "draining";

/**
 * The backends that one request may use, in order: its session's home, then what the policy says,
 * without those that are full or drained. Each is judged when its turn comes, so that what happened
 * meanwhile counts. Newcomers in their slow start, then failing ones come last: they are better
 * than no answer.
 */
export class Candidates implements Iterable<LiveBackend> {
  readonly #options: CandidatesOptions;
  /** Whether the session keeps its home though it goes elsewhere for now: home is full. */
  readonly isGuest: boolean;
  readonly #first: LiveBackend | undefined;
  #sawFull = false;

  constructor(options: CandidatesOptions) {
    const { home, policy, served } = options;
    this.#options = options;
    const hasRoom = home === undefined || policy.hasRoom?.(home, served.pool) !== false;
    const standing = home === undefined ? undefined : this.#standingOf(home, true);
    this.isGuest = standing === "full" || (standing === "ready" && !hasRoom);
    this.#first = standing === "ready" && hasRoom ? home : undefined;
  }

  /** Whether one was passed over because it has as much to do as it may. */
  get sawFull(): boolean {
    return this.#sawFull;
  }

  *[Symbol.iterator](): Generator<LiveBackend> {
    const { served, policy, key, onPanic } = this.#options;
    const starting: LiveBackend[] = [];
    const failing: LiveBackend[] = [];
    let isPanic = this.#first === undefined;
    if (this.#first !== undefined) yield this.#first;
    for (const { id } of policy.candidates(key, served.pool)) {
      const backend = served.pool.byId(id);
      if (backend === undefined || backend === this.#first) continue;
      const standing = this.#standingOf(backend, false);
      if (standing === "starting") starting.push(backend);
      else if (standing === "failing") failing.push(backend);
      else if (standing === "full") this.#sawFull = true;
      else if (standing === "ready") {
        isPanic = false;
        yield backend;
      }
    }
    yield* starting;
    if (isPanic && starting.length === 0 && failing.length > 0) onPanic();
    yield* failing;
  }

  /** @param isHome a session that was bound to it while it started stays */
  #standingOf(backend: LiveBackend, isHome: boolean): Standing {
    const { connections, pendingHandshakes } = this.#options.served.limits;
    if (backend.isDraining) return "draining";
    if (backend.load >= connections || backend.handshakes >= pendingHandshakes) return "full";
    if (backend.health === "unhealthy" || backend.isEjected) return "failing";
    if (!isHome && this.#isTooNew(backend)) return "starting";
    return backend.claimRetry(this.#options.clock.nowMs()) ? "ready" : "failing";
  }

  /**
   * During its slow start a backend takes a share of what the policy gives it that grows in time.
   * Which share is told by the key, so that a session that went there once goes there again.
   */
  #isTooNew(backend: LiveBackend): boolean {
    const { served, clock, random, key } = this.#options;
    const share = backend.shareAt(clock.nowMs(), served.slowStartMs);
    if (share >= 1) return false;
    const mark = key === undefined ? random.fraction() : fractionOf(`${backend.id} ${key}`);
    return mark >= Math.max(LEAST_SHARE, share);
  }
}

/** @returns the same number in [0, 1) for the same text, in every process */
function fractionOf(text: string): number {
  return createHash("sha1").update(text).digest().readUInt32BE() / UINT32;
}
