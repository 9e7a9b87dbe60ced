import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";

const LOCAL = "127.0.0.1";
const kinds = {
  redis: {
    command: "redis-server",
    args: (port) => ["--port", port, "--bind", LOCAL, "--save", "", "--appendonly", "no"],
    ready: "Ready to accept connections",
  },
  nats: {
    command: "nats-server",
    args: (port) => ["--port", port, "--addr", LOCAL],
    ready: "Server is ready",
  },
};

/**
 * Starts a server that keeps nothing, and waits until it can be used.
 *
 * @param kind `redis` or `nats`
 * @param port a free one when absent
 */
export async function startServer(kind, port) {
  const { command, args, ready } = kinds[kind];
  const at = port ?? (await freePort());
  const child = spawn(command, args(at).map(String), { cwd: tmpdir() });
  const end = () => child.kill("SIGKILL");
  process.on("exit", end);
  child.on("exit", () => process.off("exit", end));
  child.on("error", (error) => {
    console.error(`${command}: ${error.message}`);
    process.exit(1);
  });
  await new Promise((resolve) => {
    for (const output of [child.stdout, child.stderr]) {
      createInterface(output).on("line", (line) => line.includes(ready) && resolve());
    }
  });
  return { port: at, url: `${kind}://${LOCAL}:${at}`, child };
}

async function freePort() {
  const probe = createServer().listen(0, LOCAL);
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}
