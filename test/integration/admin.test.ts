import { describe, expect, it } from "vitest";
import { startBackend } from "../support/backend.ts";
import { openClient } from "../support/client.ts";
import { scrape, startTestEdge } from "../support/edge.ts";

describe("the admin address", () => {
  it("counts open tunnels, messages and bytes while they go on", async () => {
    const edge = await startTestEdge([await startBackend("a"), await startBackend("b")]);
    const clients = await Promise.all(
      Array.from({ length: 4 }, () => openClient(edge.ws, { perMessageDeflate: false })),
    );
    for (const client of clients) {
      client.socket.send("12345");
      await client.text();
    }
    expect(await edge.metric("ringway_tunnels_open", { pool: "test" })).toBe(4);
    expect(await edge.metric("ringway_tunnels_open", { backend: "a" })).toBe(2);
    const fromClient = { direction: "from_client" };
    expect(await edge.metric("ringway_tunnel_messages_total", fromClient)).toBe(4);
    expect(await edge.metric("ringway_tunnel_bytes_total", fromClient)).toBe(4 * 11);
    expect(await edge.metric("ringway_upgrades_total", { result: "accepted" })).toBe(4);
    expect(await edge.metric("ringway_handshake_seconds_count")).toBe(4);

    clients[0]?.socket.close(1000);
    await edge.logged("tunnel ended");
    expect(await edge.metric("ringway_tunnels_open", { pool: "test" })).toBe(3);
    // What an ended tunnel has passed is not forgotten.
    expect(await edge.metric("ringway_tunnel_messages_total", fromClient)).toBe(4);
  });

  it("shows the pools with their backends, and answers probes", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend]);
    await openClient(edge.ws);
    const pools: unknown = await (await fetch(`${edge.admin}/api/pools`)).json();
    const a = {
      id: "a",
      url: backend.url,
      state: "up",
      health: "unknown",
      sessions: 0,
      connections: 1,
      weight: 1,
    };
    expect(pools).toEqual([{ pool: "test", policy: "ring", backends: [a] }]);
    for (const path of ["/livez", "/readyz"]) {
      expect((await fetch(edge.admin + path)).status).toBe(200);
    }
    expect((await fetch(`${edge.admin}/nothing`)).status).toBe(404);
    const posted = await fetch(`${edge.admin}/metrics`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("is not reachable through the listeners", async () => {
    const edge = await startTestEdge([await startBackend("a")]);
    expect(await (await fetch(`${edge.http}/metrics`)).text()).toBe("a");
  });

  it("has help and a type for each metric, all of them ours", async () => {
    const edge = await startTestEdge([await startBackend("a")]);
    const text = await scrape(edge.admin);
    const types = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    const helps = [...text.matchAll(/^# HELP (\S+) \S+/gm)].map(([, name]) => name);
    expect(types).toEqual(helps);
    expect(types.length).toBeGreaterThan(10);
    for (const name of types) expect(name).toMatch(/^ringway_/);
  });
});
