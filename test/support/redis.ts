import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { whenDone } from "./when-done.ts";
import { temporaryDirectory, type CertificateFiles } from "./certificate.ts";
import { until } from "./until.ts";

const run = promisify(execFile);

const CLI_TIMEOUT_MS = 5_000;
/**
 * Below the ports that Linux gives to clients: no connection can take the port of a server that is
 * away for a moment, and none to it can end up connected to itself.
 */
const PORTS = { from: 12_000, to: 32_000 };

export interface RedisServer {
  readonly port: number;
  /** `redis://127.0.0.1:port` */
  readonly url: string;
  /** Neither killed nor frozen. */
  readonly isUp: boolean;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: the kernel still accepts connections and takes bytes, nobody answers. */
  freeze(): void;
  thaw(): void;
  /** Starts again on the same port, after a kill if need be, without its data. */
  restart(): Promise<void>;
  /** @throws Error when redis-cli can't connect, or Redis answers with an error */
  cli(...args: readonly string[]): Promise<string>;
}

/** One `redis-server` on 127.0.0.1 that keeps nothing on disk. */
export function startRedis(
  options: { readonly args?: readonly string[]; readonly port?: number } = {},
): Promise<RedisServer> {
  return launch({
    port: options.port,
    args: (port) => ["--port", String(port), ...EPHEMERAL, ...(options.args ?? [])],
  });
}

/** One that speaks TLS only and wants a password. Its URL names it `localhost`. */
export function startRedisTls(
  { cert, key, ca }: CertificateFiles & { readonly ca: string },
  password: string,
): Promise<RedisServer> {
  const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca];
  return launch({
    args: (port) => [
      ...["--port", "0", "--tls-port", String(port), ...files, "--tls-auth-clients", "no"],
      ...["--requirepass", password, ...EPHEMERAL],
    ],
    url: (port) => `rediss://:${password}@localhost:${port}`,
    cli: ["-h", "localhost", "--tls", "--cacert", ca, "--no-auth-warning", "-a", password],
  });
}

const EPHEMERAL = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];

export interface LaunchOptions {
  /** A free one when absent. */
  readonly port?: number | undefined;
  /** Of redis-server, whose working directory is a new one. */
  readonly args: (port: number, directory: string) => readonly string[] | Promise<string[]>;
  readonly url?: (port: number) => string;
  /** What redis-cli needs besides the port. */
  readonly cli?: readonly string[];
}

export async function launch(options: LaunchOptions): Promise<RedisServer> {
  for (;;) {
    const server = new RedisProcess({
      ...options,
      port: options.port ?? (await freePort()),
      directory: await temporaryDirectory(),
    });
    if (await server.start()) return server;
    if (options.port !== undefined) throw new Error(`redis-server can't use ${options.port}`);
  }
}

/** Resolves when the replicas among these servers have all that their primaries were told before. */
export async function replicated(servers: readonly RedisServer[]): Promise<void> {
  const replication = (server: RedisServer): Promise<string> => server.cli("INFO", "replication");
  const up = servers.filter(({ isUp }) => isUp);
  const offsets = new Map<number, number>();
  for (const server of up) {
    offsets.set(server.port, numberIn(await replication(server), "master_repl_offset"));
  }
  const hasAll = async (server: RedisServer): Promise<boolean> => {
    const info = await replication(server);
    if (info.includes("role:master")) return true;
    const wanted = offsets.get(numberIn(info, "master_port")) ?? Infinity;
    return info.includes("link_status:up") && numberIn(info, "slave_repl_offset") >= wanted;
  };
  await Promise.all(up.map((server) => until("the replicas have all", () => hasAll(server))));
}

function numberIn(info: string, field: string): number {
  return Number(new RegExp(`^${field}:(\\d+)`, "m").exec(info)?.[1]);
}

/** A port that nobody listens on just now: another process may be faster to take it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    const server = createServer().listen(port, "127.0.0.1");
    const free = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

class RedisProcess implements RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #options: LaunchOptions;
  readonly #directory: string;
  #child: ChildProcess | undefined;
  #isFrozen = false;

  constructor(options: LaunchOptions & { readonly port: number; readonly directory: string }) {
    this.port = options.port;
    this.url = options.url?.(options.port) ?? `redis://127.0.0.1:${options.port}`;
    this.#options = options;
    this.#directory = options.directory;
    // Directories are removed when all that was started later has ended: in reverse order.
    whenDone(() => this.kill());
  }

  get isUp(): boolean {
    return this.#child !== undefined && isRunning(this.#child) && !this.#isFrozen;
  }

  /** @returns false when the process has ended again: the port is taken */
  async start(): Promise<boolean> {
    const args = await this.#options.args(this.port, this.#directory);
    const child = spawn("redis-server", args, { cwd: this.#directory, stdio: "ignore" });
    this.#child = child;
    this.#isFrozen = false;
    await once(child, "spawn");
    // Whoever answers at this port must be this process, not another that was faster.
    const own = new RegExp(`^process_id:${String(child.pid)}\\r?$`, "m");
    await until(`redis-server on ${this.port} answers`, async () => {
      return !isRunning(child) || own.test(await this.cli("INFO", "server"));
    });
    return isRunning(child);
  }

  async restart(): Promise<void> {
    await this.kill();
    if (!(await this.start())) throw new Error(`redis-server can't use ${this.port} again`);
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

  async cli(...args: readonly string[]): Promise<string> {
    const all = ["-e", "-p", String(this.port), ...(this.#options.cli ?? []), ...args];
    const { stdout } = await run("redis-cli", all, { timeout: CLI_TIMEOUT_MS });
    return stdout.replace(/\n$/, "");
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
