import type { Environment, Timer } from "./environment.ts";

/**
 * A timer that runs so much too late has slept with its page or machine. What the server said
 * meanwhile may still be on its way to us, and does not count as silence.
 */
const ASLEEP_MS = 1_000;

export interface HeartbeatSettings {
  readonly environment: Environment;
  /** After so much silence the server is asked whether it is there. */
  readonly silenceMs: number;
  /** So long its answer may take. */
  readonly patienceMs: number;
  readonly ping: () => void;
  readonly onDead: () => void;
}

/** Finds a connection that is dead although nobody has closed it. */
export class Heartbeat {
  readonly #settings: HeartbeatSettings;
  #heardAtMs: number;
  #dueMs = 0;
  #timer: Timer | undefined;
  /** Whether the server owes an answer. */
  #hasAsked = false;

  constructor(settings: HeartbeatSettings) {
    this.#settings = settings;
    this.#heardAtMs = settings.environment.nowMs();
    this.#rest(settings.silenceMs);
  }

  /** Something has come from the server. It costs no timer. */
  heard(): void {
    this.#heardAtMs = this.#settings.environment.nowMs();
    if (!this.#hasAsked) return;
    this.#hasAsked = false;
    this.#rest(this.#settings.silenceMs);
  }

  /** Asks at once. */
  check(patienceMs: number): void {
    const leftMs = this.#dueMs - this.#settings.environment.nowMs();
    // Asked already, and the end of patience is near.
    if (this.#hasAsked && leftMs > 0 && leftMs <= patienceMs) return;
    this.#ask(patienceMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #rest(forMs: number): void {
    this.#wait(forMs, () => {
      const { environment, silenceMs, patienceMs } = this.#settings;
      const leftMs = this.#heardAtMs + silenceMs - environment.nowMs();
      if (leftMs > 0) this.#rest(leftMs);
      else this.#ask(patienceMs);
    });
  }

  #ask(patienceMs: number, isSecondTime = false): void {
    this.#hasAsked = true;
    this.#settings.ping();
    this.#wait(patienceMs, (lateMs) => {
      if (lateMs > ASLEEP_MS && !isSecondTime) this.#ask(patienceMs, true);
      else this.#settings.onDead();
    });
  }

  #wait(forMs: number, run: (lateMs: number) => void): void {
    const { environment } = this.#settings;
    this.stop();
    this.#dueMs = environment.nowMs() + forMs;
    this.#timer = environment.after(forMs, () => run(environment.nowMs() - this.#dueMs));
  }
}
