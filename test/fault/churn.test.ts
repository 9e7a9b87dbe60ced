import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startBackend } from "../support/backend.ts";
import { readMetric, scrape } from "../support/edge.ts";
import { startEdgeProcess, type EdgeProcess, type Measurement } from "../support/edge-process.ts";

const CONNECTIONS = 2_000;
const ROUNDS = 10;
/** Code is compiled and tables grow to their size in the first rounds. */
const WARM_UP = 3;
const AT_ONCE = 200;
const MIB = 1024 * 1024;

/** Opens connections, says a word on each, and closes them in one of three ways. */
async function round(url: string): Promise<void> {
  const sockets: WebSocket[] = [];
  for (let i = 0; i < CONNECTIONS; i += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, () => new WebSocket(url));
    await Promise.all(batch.map((socket) => once(socket, "open")));
    sockets.push(...batch);
  }
  await Promise.all(
    sockets.map(async (socket, i) => {
      const answered = once(socket, "message");
      socket.send("word");
      await answered;
      const closed = once(socket, "close");
      if (i % 3 === 0) socket.terminate();
      else socket.close(1000);
      await closed;
    }),
  );
}

/** Waits until the edge has seen the end of all tunnels too. */
async function settled(edge: EdgeProcess, tunnels: number): Promise<Measurement> {
  while (readMetric(await scrape(edge.admin), "ringway_tunnel_closes_total") < tunnels) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return edge.measure();
}

function count(measurement: Measurement, kind: string): number {
  return measurement.resources.filter((resource) => resource === kind).length;
}

describe("2,000 connections opened and closed 10 times", () => {
  it("leave sockets, timers and heap where they were", async () => {
    const { id, url, sockets } = await startBackend("a");
    const edge = await startEdgeProcess({
      listeners: [{ address: "127.0.0.1:0" }],
      routes: [{ pool: "test" }],
      pools: { test: { backends: [{ id, url }], affinity: ["ip"] } },
      admin: { address: "127.0.0.1:0" },
    });
    for (let i = 0; i < WARM_UP; i++) await round(edge.ws);
    const first = await settled(edge, CONNECTIONS * WARM_UP);
    for (let i = WARM_UP; i < ROUNDS; i++) await round(edge.ws);
    const last = await settled(edge, CONNECTIONS * ROUNDS);

    expect(count(last, "TCPServerWrap")).toBe(count(first, "TCPServerWrap"));
    // At most the scraping client's own kept connection.
    expect(count(last, "TCPSocketWrap")).toBeLessThanOrEqual(1);
    expect(count(last, "Timeout")).toBeLessThanOrEqual(count(first, "Timeout") + 1);
    expect(last.used - first.used).toBeLessThan(MIB);
    expect(sockets.size).toBe(0);
    expect(readMetric(await scrape(edge.admin), "ringway_tunnels_open")).toBe(0);
  }, 120_000);
});
