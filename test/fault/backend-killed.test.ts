import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { openClient, refusedUpgrade } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

const SESSIONS = 30;

async function startBackendProcess(
  id: string,
): Promise<{ id: string; url: string; child: ChildProcess }> {
  const child = fork(fileURLToPath(new URL("../support/backend-child.js", import.meta.url)), [id]);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [port] = (await once(child, "message")) as [number];
  return { id, url: `http://127.0.0.1:${port}`, child };
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

describe("backend processes that are killed while they send", () => {
  it("leave their clients a Close 1012, who come back to the living; the last one's get 503", async () => {
    const backends = await Promise.all(["a", "b", "c"].map(startBackendProcess));
    const edge = await startTestEdge(backends, { affinity: [{ token: { query: "s" } }] });
    const connect = async (s: number) => {
      const client = await openClient(`${edge.ws}/?s=${s}`);
      return { s, client, home: await client.text() };
    };
    let sessions = await Promise.all(Array.from({ length: SESSIONS }, (_, s) => connect(s)));
    for (const [i, { id, child }] of backends.entries()) {
      const held = sessions.filter(({ home }) => home === id);
      const others = sessions.filter(({ home }) => home !== id);
      expect(held.length).toBeGreaterThan(0);
      await kill(child);
      for (const { client } of held) expect((await client.closed).code).toBe(1012);
      for (const { client } of others) expect(client.socket.readyState).toBe(client.socket.OPEN);
      if (i === backends.length - 1) break;
      const back = await Promise.all(held.map(({ s }) => connect(s)));
      for (const { home } of back) expect(home).not.toBe(id);
      sessions = [...others, ...back];
    }
    expect((await refusedUpgrade(edge.ws)).status).toBe(503);
    expect(await edge.metric("ringway_tunnels_open")).toBe(0);
  });
});
