import { RingwayClientError } from "./client-error.ts";
import type { NodeMessage } from "./node-message.ts";

/** The protocol's bound. */
const MAX_UNANSWERED = 1_000;
/** How many more may wait for their turn. */
const MAX_WAITING = 10_000;

/** A node's answer, its refusal, or `lost`: the connection has ended, and nobody knows. */
export type Outcome = NodeMessage | RingwayClientError | "lost";

export interface Asked {
  readonly channel: string;
  /** An object that is not empty, without `n`. */
  readonly json: string;
  /**
   * Whether asking twice does no harm: then it is asked on the next connection if need be. Other
   * requests may be made while there is one only.
   */
  readonly isRepeatable?: boolean;
  readonly done: (outcome: Outcome) => void;
}

/** What was asked, each until its answer. */
export class Requests {
  readonly #send: (text: string) => void;
  readonly #unanswered = new Map<number, Asked>();
  /** Until one of those is answered. */
  #waiting: Asked[] = [];
  /** For the next connection. */
  #repeated: Asked[] = [];
  #isOpen = false;
  #lastN = 0;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  ask(asked: Asked): void {
    if (this.#waiting.length + this.#repeated.length >= MAX_WAITING) {
      const { channel } = asked;
      const details = { channel, retryable: true };
      asked.done(new RingwayClientError("queue_full", "too many requests wait", details));
    } else if (this.#isOpen) {
      this.#waiting.push(asked);
      this.#flush();
    } else {
      this.#repeated.push(asked);
    }
  }

  open(): void {
    this.#isOpen = true;
  }

  /** Asks what the connection before did not answer. */
  repeat(): void {
    this.#waiting.push(...this.#repeated.splice(0));
    this.#flush();
  }

  lose(): void {
    this.#isOpen = false;
    const all = [...this.#unanswered.values(), ...this.#waiting];
    this.#unanswered.clear();
    this.#waiting = [];
    this.#repeated = all.filter(({ isRepeatable }) => isRepeatable).concat(this.#repeated);
    for (const { isRepeatable, done } of all) if (isRepeatable !== true) done("lost");
  }

  /** Nothing is answered any more. */
  close(error: RingwayClientError): void {
    this.lose();
    for (const { done } of this.#repeated.splice(0)) done(error);
  }

  /** @param re the request that this is an answer to */
  answer(re: number, answer: NodeMessage): void {
    this.#end(re, () => answer);
  }

  refuse(re: number, code: string, details: { message: string; retryable: boolean }): void {
    const { message, retryable } = details;
    this.#end(re, ({ channel }) => new RingwayClientError(code, message, { channel, retryable }));
  }

  #end(re: number, outcomeOf: (asked: Asked) => Outcome): void {
    const asked = this.#unanswered.get(re);
    if (asked === undefined) return; // of nobody: a node that errs
    this.#unanswered.delete(re);
    asked.done(outcomeOf(asked));
    this.#flush();
  }

  #flush(): void {
    while (this.#isOpen && this.#unanswered.size < MAX_UNANSWERED) {
      const asked = this.#waiting.shift();
      if (asked === undefined) return;
      const n = ++this.#lastN;
      this.#unanswered.set(n, asked);
      this.#send(`{"n":${n},${asked.json.slice(1)}`);
    }
  }
}
