import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const FILE = fileURLToPath(new URL("fleet-backend.js", import.meta.url));

/** A backend process that can be stopped, killed, frozen and started again at its port. */
export class FleetBackend {
  readonly id: string;
  #port = 0;
  #child: ChildProcess | undefined;

  private constructor(id: string) {
    this.id = id;
  }

  static async start(id: string): Promise<FleetBackend> {
    const backend = new FleetBackend(id);
    await backend.start();
    onTestFinished(() => backend.kill());
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#child = fork(FILE, [this.id, String(this.#port)]);
    const [port] = (await once(this.#child, "message")) as [number];
    this.#port = port;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }
}

export async function startFleet(ids: readonly string[]): Promise<FleetBackend[]> {
  return Promise.all(ids.map((id) => FleetBackend.start(id)));
}
