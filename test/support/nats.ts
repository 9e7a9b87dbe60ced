import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { temporaryDirectory } from "./certificate.ts";
import { freePort } from "./redis.ts";
import { until } from "./until.ts";
import { whenDone } from "./when-done.ts";

const NODES = 3;
const ANSWER_MS = 1_000;

export interface NatsServer {
  readonly port: number;
  /** `nats://127.0.0.1:port` */
  readonly url: string;
  /** Neither killed nor frozen. */
  readonly isUp: boolean;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: the kernel still accepts connections and takes bytes, nobody answers. */
  freeze(): void;
  thaw(): void;
  /** Starts again on the same port, after a kill if need be, with what JetStream has stored. */
  restart(): Promise<void>;
}

/** One `nats-server` on 127.0.0.1. @param configuration lines of its own language */
export async function startNats({
  jetstream = true,
  configuration = "",
} = {}): Promise<NatsServer> {
  for (;;) {
    const port = await freePort();
    const directory = await temporaryDirectory();
    const file = join(directory, "nats.conf");
    await writeFile(file, configuration);
    const server = new NatsProcess(port, directory, ["-c", file, ...(jetstream ? ["-js"] : [])]);
    if (await server.start()) return server;
  }
}

export interface NatsCluster {
  /** With all servers. */
  readonly url: string;
  readonly servers: readonly NatsServer[];
}

/** Three servers with JetStream, which keep three replicas. */
export async function startNatsCluster(): Promise<NatsCluster> {
  const ports = await Promise.all(Array.from({ length: NODES }, freePort));
  const clusterPorts = await Promise.all(Array.from({ length: NODES }, freePort));
  const routes = clusterPorts.map((port) => `nats://127.0.0.1:${port}`).join(",");
  const servers = await Promise.all(
    ports.map(async (port, i) => {
      const cluster = `nats://127.0.0.1:${clusterPorts[i] ?? 0}`;
      const args = ["-js", "-n", `n${i}`, "--cluster_name", "c", "--cluster", cluster];
      const server = new NatsProcess(port, await temporaryDirectory(), [
        ...args,
        "--routes",
        routes,
      ]);
      if (!(await server.start())) throw new Error(`nats-server can't use ${port}`);
      return server;
    }),
  );
  await Promise.all(
    servers.map(({ url }) => until("JetStream has a leader", () => hasJetStream(url))),
  );
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(",");
  return { url: `nats://${hosts}`, servers };
}

async function hasJetStream(url: string): Promise<boolean> {
  const connection = await connect({ servers: url, timeout: ANSWER_MS });
  try {
    const manager = await jetstreamManager(connection, { timeout: ANSWER_MS });
    await manager.getAccountInfo();
    return true;
  } finally {
    await connection.close();
  }
}

class NatsProcess implements NatsServer {
  readonly port: number;
  readonly url: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #isFrozen = false;

  constructor(port: number, directory: string, args: readonly string[]) {
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
    this.#args = ["-a", "127.0.0.1", "-p", String(port), "-sd", directory, ...args];
    whenDone(() => this.kill());
  }

  get isUp(): boolean {
    return this.#child !== undefined && isRunning(this.#child) && !this.#isFrozen;
  }

  /** @returns false when the process has ended again: the port is taken */
  async start(): Promise<boolean> {
    const child = spawn("nats-server", this.#args, { stdio: "ignore" });
    this.#child = child;
    this.#isFrozen = false;
    await once(child, "spawn");
    await until(`nats-server on ${this.port} answers`, async () => {
      return !isRunning(child) || (await greets(this.port));
    });
    return isRunning(child);
  }

  async restart(): Promise<void> {
    await this.kill();
    if (!(await this.start())) throw new Error(`nats-server can't use ${this.port} again`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !isRunning(child)) return;
    const exited = once(child, "exit");
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await exited;
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
    this.#isFrozen = false;
  }
}

/** A server greets whoever connects with a line `INFO {…}`. */
async function greets(port: number): Promise<boolean> {
  const socket = connectTcp(port, "127.0.0.1");
  try {
    const [greeting] = (await once(socket, "data")) as [Buffer];
    return greeting.toString().startsWith("INFO ");
  } finally {
    socket.destroy();
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
