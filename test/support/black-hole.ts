import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { onTestFinished } from "vitest";

const FILL = 8;

/**
 * A port that swallows connections, as a dead host does: a stopped process whose accept queue is
 * full, so that the kernel drops further SYNs.
 */
export async function startBlackHole(id: string): Promise<{ id: string; url: string }> {
  const code = `const server = require("net").createServer();
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  child.kill("SIGSTOP");
  const port = Number(String(line));
  const fillers = Array.from({ length: FILL }, () => connect(port, "127.0.0.1"));
  for (const filler of fillers) filler.on("error", () => undefined);
  const [first] = fillers;
  if (first !== undefined) await once(first, "connect");
  onTestFinished(async () => {
    for (const filler of fillers) filler.destroy();
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  return { id, url: `http://127.0.0.1:${port}` };
}
