import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { until } from "./until.js";

const START_MS = 120_000;

/** A process of the run that can be killed, stopped for a while, and started again. */
export class Program {
  name;
  #options;
  #child;
  #lives = 0;
  /** Whether it may end now. */
  #mayEnd = false;

  /**
   * @param options `{ name, command, args, logFile, isReady, onMessage, onCrash }`: `args` makes the
   *   arguments of a life; `isReady` is asked until it says so; `onCrash` is told of an end that nobody
   *   wanted
   */
  constructor(options) {
    this.name = options.name;
    this.#options = options;
  }

  get child() {
    return this.#child;
  }

  get isRunning() {
    const { exitCode, signalCode } = this.#child ?? { exitCode: 0 };
    return exitCode === null && signalCode === null;
  }

  /** Resolves when it is ready. */
  async start() {
    const { command, args, logFile, isReady, onMessage, onCrash } = this.#options;
    const log = openSync(logFile, "a");
    const stdio = ["ignore", log, log, ...(onMessage === undefined ? [] : ["ipc"])];
    const child = spawn(command, args(this.#lives++), { stdio });
    closeSync(log);
    this.#child = child;
    this.#mayEnd = false;
    child.once("exit", (code, signal) => {
      if (!this.#mayEnd) onCrash(`${this.name} has ended by itself: ${code ?? signal}`);
    });
    if (onMessage !== undefined) child.on("message", onMessage);
    await once(child, "spawn");
    const tookMs = await until(
      () => child !== this.#child || !this.isRunning || isReady(child).catch(() => false),
      { withinMs: START_MS },
    );
    if (tookMs === undefined) throw new Error(`${this.name} is not ready in ${START_MS} ms`);
  }

  /** SIGKILL. Resolves when the process is gone, and all that it has told has been heard. */
  async kill() {
    this.mayEnd();
    this.#child?.kill("SIGKILL");
    await this.ended();
  }

  mayEnd() {
    this.#mayEnd = true;
  }

  async ended() {
    const ends = [];
    if (this.isRunning) ends.push(once(this.#child, "exit"));
    if (this.#child?.connected) ends.push(once(this.#child, "disconnect"));
    await Promise.all(ends);
  }

  /** SIGSTOP: the kernel still takes connections and bytes, nobody answers. */
  stop() {
    if (this.isRunning) this.#child.kill("SIGSTOP");
  }

  goOn() {
    if (this.isRunning) this.#child.kill("SIGCONT");
  }
}
