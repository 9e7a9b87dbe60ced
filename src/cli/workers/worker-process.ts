import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import type { Answer, Answers, Order } from "./messages.ts";

interface Waiting {
  readonly resolve: (value: Answers[keyof Answers]) => void;
  readonly reject: (error: Error) => void;
}

/** A worker as the first process sees it: orders go there, answers come back. */
export class WorkerProcess {
  readonly pid: number | undefined;
  /** Resolves with how it ended. */
  readonly exited: Promise<string>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready: Promise<void>;
  #number = 0;

  constructor() {
    const worker = cluster.fork();
    this.#worker = worker;
    this.pid = worker.process.pid;
    this.exited = once(worker, "exit").then(([code, signal]: (number | string | null)[]) => {
      const how = signal === null ? `exit code ${String(code)}` : String(signal);
      for (const { reject } of this.#waiting.values()) reject(new Error(`worker ended: ${how}`));
      this.#waiting.clear();
      return how;
    });
    this.#ready = new Promise((resolve) => {
      worker.on("message", (answer: Answer) => {
        if (answer === "ready") resolve();
        else this.#answered(answer);
      });
    });
    // A message to a worker that is gone: its exit is told of by itself.
    worker.on("error", () => undefined);
  }

  /** @throws Error with the worker's own words when it can't do it, or ends before it has */
  ask<O extends Order>(order: O): Promise<Answers[O["do"]]> {
    const number = this.#number++;
    return new Promise((resolve, reject) => {
      if (!this.#worker.isConnected()) {
        reject(new Error("the worker has ended"));
        return;
      }
      // The number says which order it answers, and the order says what the answer is.
      this.#waiting.set(number, { resolve: resolve as Waiting["resolve"], reject });
      void this.#ready.then(() => {
        if (this.#worker.isConnected()) this.#worker.send({ number, order });
      });
    });
  }

  /** It serves nothing any more: it may end. */
  async release(): Promise<void> {
    if (this.#worker.isConnected()) this.#worker.disconnect();
    await this.exited;
  }

  kill(): void {
    this.#worker.process.kill("SIGKILL");
  }

  #answered(answer: Exclude<Answer, "ready">): void {
    const waiting = this.#waiting.get(answer.number);
    this.#waiting.delete(answer.number);
    if ("failed" in answer) waiting?.reject(new Error(answer.failed));
    else waiting?.resolve(answer.value);
  }
}
