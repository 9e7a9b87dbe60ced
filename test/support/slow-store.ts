import { setImmediate } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { SessionStore } from "../../src/session/session-store.ts";

type Answer = string | undefined;

interface Open {
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** A session store that answers when a test says so. */
export class SlowStore implements SessionStore {
  /** All that it was asked and told, in order. */
  readonly asked: string[] = [];
  readonly #open: Open[] = [];

  get(session: string): Promise<Answer> {
    return this.#ask(`get ${session}`);
  }

  bind(session: string, backendId: string, expected: string | undefined): Promise<string> {
    return this.#ask(`bind ${session} to ${backendId}, from ${String(expected)}`).then(String);
  }

  async touch(session: string, backendId: string): Promise<void> {
    await this.#ask(`touch ${session} at ${backendId}`);
  }

  async release(session: string, backendId: string): Promise<void> {
    await this.#ask(`release ${session} at ${backendId}`);
  }

  /** Answers the question that is open for the longest. */
  answer(answer?: string): void {
    this.#next().resolve(answer);
  }

  fail(error: unknown): void {
    this.#next().reject(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #ask(question: string): Promise<Answer> {
    this.asked.push(question);
    return new Promise((resolve, reject) => this.#open.push({ resolve, reject }));
  }

  #next(): Open {
    const next = this.#open.shift();
    if (next === undefined) throw new Error("no question is open");
    return next;
  }
}

/** Resolves when all that follows from settled promises has happened. */
export async function settle(): Promise<void> {
  await setImmediate();
}

/** What nobody catches in this test. */
export function collectUnhandled(): readonly unknown[] {
  const unhandled: unknown[] = [];
  const collect = (error: unknown): void => void unhandled.push(error);
  process.on("unhandledRejection", collect);
  onTestFinished(() => void process.off("unhandledRejection", collect));
  return unhandled;
}
