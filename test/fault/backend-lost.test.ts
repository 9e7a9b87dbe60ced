import { describe, expect, it } from "vitest";
import { greetAs, startBackend } from "../support/backend.ts";
import { openClient, RawClient, refusedUpgrade } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

describe("a backend that dies", () => {
  it("is replaced at the next connection: sessions come back to a live backend", async () => {
    const backends = await Promise.all(
      ["a", "b", "c"].map((id) => startBackend(id, { webSocket: greetAs(id) })),
    );
    const edge = await startTestEdge(backends, { affinity: [{ token: { query: "s" } }] });
    const clients = await Promise.all(
      Array.from({ length: 30 }, (_, i) => openClient(`${edge.ws}/?s=${i}`)),
    );
    const homes = await Promise.all(clients.map((client) => client.text()));
    await backends[0]?.kill();

    for (const [i, home] of homes.entries()) {
      if (home !== "a") continue;
      expect(await clients[i]?.closed).toMatchObject({ code: 1012 });
      const again = await openClient(`${edge.ws}/?s=${i}`);
      const moved = await again.text();
      expect(["b", "c"]).toContain(moved);
      const third = await openClient(`${edge.ws}/?s=${i}`);
      expect(await third.text()).toBe(moved);
    }
    expect(homes).toContain("a");
    expect(await edge.metric("ringway_backend_up", { backend: "a" })).toBe(0);
    expect(await edge.metric("ringway_tunnel_closes_total", { by: "backend", code: "1006" })).toBe(
      homes.filter((home) => home === "a").length,
    );
  });

  it("leaves its client a Close 1012 between the fragments of a message", async () => {
    const backend = await startBackend("a", {
      webSocket(socket) {
        socket.send("the first half", { fin: false }, () => void backend.kill());
      },
      options: { perMessageDeflate: false },
    });
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws);
    expect((await client.closed).code).toBe(1012);
  });

  it("leaves its client a Close 1012 in the middle of a short frame, which is not passed", async () => {
    const backend = await startBackend("a", {
      webSocket(socket, request) {
        socket.send("whole");
        // A frame of 1,000 bytes of which 500 come.
        const half = Buffer.concat([Buffer.from([0x82, 126, 3, 232]), Buffer.alloc(500)]);
        request.socket.write(half, () => void backend.kill());
      },
      options: { perMessageDeflate: false },
    });
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws);
    expect(await client.text()).toBe("whole");
    expect(await client.closed).toEqual({
      code: 1012,
      reason: "The backend is gone. Connect again.",
    });
  });

  it("ends the connection in order, not by a reset, in the middle of a long frame", async () => {
    const backend = await startBackend("a", {
      webSocket(_, request) {
        const header = Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0x0f, 0, 0]);
        const half = Buffer.concat([header, Buffer.alloc(100_000, 1)]);
        request.socket.write(half, () => void backend.kill());
      },
    });
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    await client.upgrade();
    expect(await client.ended).toBe("end");
    expect(client.received.subarray(0, 2)).toEqual(Buffer.from([0x82, 127]));
    expect(client.received.includes(Buffer.from([0x88]))).toBe(false);
  });
});

describe("when every backend is dead", () => {
  it("answers an upgrade with 503, a reason and when to retry", async () => {
    const backends = await Promise.all(["a", "b", "c"].map((id) => startBackend(id)));
    const edge = await startTestEdge(backends);
    for (const backend of backends) await backend.kill();
    const { status, headers, body } = await refusedUpgrade(edge.ws);
    expect(status).toBe(503);
    expect(headers["retry-after"]).toMatch(/^[123]$/);
    expect(headers["content-type"]).toBe("application/json");
    expect(JSON.parse(body)).toMatchObject({ error: "no_backend" });
    expect(await edge.metric("ringway_upgrades_total", { result: "no_backend" })).toBe(1);
    expect(await edge.metric("ringway_dial_failures_total", { cause: "ECONNREFUSED" })).toBe(3);
  });

  it("answers a plain request with 503 too", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend]);
    await backend.kill();
    const response = await fetch(edge.http, { method: "POST", body: "lost?" });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: "no_backend" });
  });

  it("serves again as soon as one is back", async () => {
    const backend = await startBackend("a", { webSocket: greetAs("a") });
    const edge = await startTestEdge([backend]);
    await backend.kill();
    expect((await refusedUpgrade(edge.ws)).status).toBe(503);
    await startBackend("a", { webSocket: greetAs("a"), port: backend.port });
    const client = await openClient(edge.ws);
    expect(await client.text()).toBe("a");
  });
});
