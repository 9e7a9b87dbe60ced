import { RingwayClientError } from "./client-error.ts";
import type { NodeMessage } from "./node-message.ts";

/** The protocol's bound. */
const MAX_UNANSWERED = 1_000;
/** How many more may wait for their turn. */
const MAX_WAITING = 10_000;

/** A node's answer, its refusal, or `lost`: the connection has ended, and nobody knows. */
export type Outcome = NodeMessage | RingwayClientError | "lost";

interface Asked {
  /** A JSON object, without `n`. */
  readonly json: string;
  /** Whether asking twice does no harm: then it is asked again on the next connection. */
  readonly isRepeatable: boolean;
  readonly done: (outcome: Outcome) => void;
}

/** What was asked, each until its answer. */
export class Requests {
  readonly #send: (text: string) => void;
  readonly #unanswered = new Map<number, Asked>();
  #waiting: Asked[] = [];
  #isOpen = false;
  #lastN = 0;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /** @param json an object that is not empty. What is not repeatable may be asked while open only */
  ask(json: string, done: Asked["done"], isRepeatable = false): void {
    if (this.#waiting.length >= MAX_WAITING) {
      done(new RingwayClientError("queue_full", "too many requests wait", { retryable: true }));
      return;
    }
    this.#waiting.push({ json, isRepeatable, done });
    this.#flush();
  }

  open(): void {
    this.#isOpen = true;
    this.#flush();
  }

  lose(): void {
    this.#isOpen = false;
    const all = [...this.#unanswered.values(), ...this.#waiting];
    this.#unanswered.clear();
    this.#waiting = all.filter(({ isRepeatable }) => isRepeatable);
    for (const { isRepeatable, done } of all) if (!isRepeatable) done("lost");
  }

  /** Nothing is answered any more. */
  close(error: RingwayClientError): void {
    this.lose();
    for (const { done } of this.#waiting.splice(0)) done(error);
  }

  /** @param re the request that this is an answer to */
  answer(re: number, outcome: Outcome): void {
    const asked = this.#unanswered.get(re);
    if (!this.#unanswered.delete(re)) return;
    asked?.done(outcome);
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
