import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";

/** Starts a Redis that keeps nothing, at a free port, and waits until it can be used. */
export async function startRedis() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const child = spawn("redis-server", args, {
    cwd: tmpdir(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.on("error", (error) => {
    console.error(`redis-server: ${error.message}`);
    process.exit(1);
  });
  process.on("exit", () => child.kill("SIGKILL"));
  let output = "";
  for await (const [chunk] of on(child.stdout, "data")) {
    output += chunk;
    if (output.includes("Ready to accept connections")) break;
  }
  child.stdout.resume();
  return { port, child };
}
