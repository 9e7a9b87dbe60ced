import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { greetAs, startBackend, startRawBackend, trackServer } from "../support/backend.ts";
import { openClient, refusedUpgrade, TestClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";
import { createServer } from "node:http";
import { until } from "../support/until.ts";

const affinity = [{ token: { query: "session" } }];

describe("a pool's limits", () => {
  it("of connections fill one backend, then the next; beyond them 503 says when to retry", async () => {
    const fleet = await Promise.all(
      ["a", "b"].map((id) => startBackend(id, { webSocket: greetAs(id) })),
    );
    const edge = await startTestEdge(fleet, { affinity, limits: { connections: 2 } });
    const clients = [];
    for (let i = 0; i < 4; i++) clients.push(await openClient(`${edge.ws}/?session=same`));
    const homes = await Promise.all(clients.map((client) => client.text()));
    const [home = ""] = homes;
    expect(homes.filter((id) => id === home)).toHaveLength(2);

    const refused = await refusedUpgrade(edge.ws);
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.body)).toMatchObject({ error: "pool_full" });
    expect(refused.headers["retry-after"]).toMatch(/^[123]$/);

    // The session was a guest elsewhere: when there is room at home, it is back.
    clients[0]?.socket.terminate();
    clients[1]?.socket.terminate();
    await until("there is room", async () => (await edge.metric("ringway_tunnels_open")) === 2);
    expect(await (await openClient(`${edge.ws}/?session=same`)).text()).toBe(home);
  });

  it("of pending handshakes keep a slow backend from being overrun", async () => {
    const server = createServer();
    let asked = 0;
    server.on("upgrade", () => asked++);
    const slow = await trackServer("slow", server);
    const edge = await startTestEdge([slow], { limits: { pendingHandshakes: 3 } });
    const waiting = Array.from({ length: 3 }, () => new TestClient(edge.ws));
    await until("three wait", () => asked === 3);
    expect(JSON.parse((await refusedUpgrade(edge.ws)).body)).toMatchObject({ error: "pool_full" });
    waiting[0]?.socket.terminate();
    waiting.push(new TestClient(edge.ws));
    await until("the next is let in", () => asked === 4);
    expect(asked).toBe(4);
  });

  it("of handshakes a second hold a storm back, and refuse what would wait too long", async () => {
    const backend = await startBackend("a", { webSocket: greetAs("a") });
    const edge = await startTestEdge([backend], {
      limits: { handshakesPerSecond: 20, queuedHandshakes: 10 },
    });
    const clients = Array.from({ length: 40 }, () => new TestClient(edge.ws));
    let refused = 0;
    for (const { socket } of clients) {
      socket.on("unexpected-response", (_, response) => {
        refused++;
        expect(response.statusCode).toBe(503);
        expect(Number(response.headers["retry-after"])).toBeGreaterThanOrEqual(1);
        expect(Number(response.headers["retry-after"])).toBeLessThanOrEqual(10);
      });
    }
    const open = (): number =>
      clients.filter(({ socket }) => socket.readyState === socket.OPEN).length;
    await until("all are answered", () => refused + open() === 40);
    expect(refused).toBeGreaterThan(10);
    expect(open()).toBeGreaterThanOrEqual(11);
    const storm = { result: "too_many_handshakes" };
    expect(await edge.metric("ringway_upgrades_total", storm)).toBe(refused);
    expect(await edge.metric("ringway_handshakes_queued")).toBe(0);
  });
});

describe("a backend that fails handshakes", () => {
  it("is ejected, so that others serve at once; all ejected, the pool goes on in panic", async () => {
    const bad = await startRawBackend((socket) => socket.destroy());
    const broken = await trackServer(
      "broken",
      createServer().on("upgrade", (_, socket) => socket.destroy()),
    );
    const good = await startBackend("good", { webSocket: greetAs("good") });
    const edge = await startTestEdge([broken, good], {
      policy: "round-robin",
      outlier: { consecutiveFailures: 2, ejectFor: "60s", maxEjectedPercent: 50 },
    });
    for (let i = 0; i < 6; i++) expect(await (await openClient(edge.ws)).text()).toBe("good");
    expect(edge.edge.backends("test")[0]?.state).toBe("ejected");
    expect(await edge.metric("ringway_ejections_total")).toBe(1);
    expect(await edge.metric("ringway_dial_failures_total", { backend: "broken" })).toBe(2);
    expect(await edge.metric("ringway_backend_up", { backend: "broken" })).toBe(0);

    const all = await startTestEdge([bad, broken], {
      outlier: { consecutiveFailures: 1, ejectFor: "60s", maxEjectedPercent: 100 },
    });
    for (let i = 0; i < 3; i++) {
      const client = new TestClient(all.ws);
      await once(client.socket, "close");
    }
    expect(await all.metric("ringway_panics_total")).toBeGreaterThan(0);
  });
});

describe("a backend that hangs up on requests", () => {
  it("is ejected, though it accepts every connection", async () => {
    const broken = await trackServer(
      "broken",
      createServer((request) => request.socket.destroy()),
    );
    const good = await startBackend("good");
    const edge = await startTestEdge([broken, good], {
      policy: "round-robin",
      outlier: { consecutiveFailures: 2, ejectFor: "60s", maxEjectedPercent: 50 },
    });
    const statuses = [];
    for (let i = 0; i < 10; i++) statuses.push((await fetch(edge.http)).status);
    expect(statuses.filter((status) => status === 502)).toHaveLength(2);
    expect(statuses.filter((status) => status === 200)).toHaveLength(8);
    expect(edge.edge.backends("test")[0]?.state).toBe("ejected");
  });
});

describe("a drain", () => {
  it("sends sessions elsewhere and binds them there; undrain takes new ones, and leaves those", async () => {
    const fleet = await Promise.all(
      ["a", "b"].map((id) => startBackend(id, { webSocket: greetAs(id) })),
    );
    const edge = await startTestEdge(fleet, { affinity, drain: { over: "200ms" } });
    const visit = async (): Promise<{ home: string; client: TestClient }> => {
      const client = await openClient(`${edge.ws}/?session=mine`);
      return { client, home: await client.text() };
    };
    const first = await visit();
    expect(edge.edge.drain("test", first.home)).toBe(true);
    expect(await first.client.closed).toMatchObject({
      code: 1012,
      reason: "This backend is being emptied. Connect again.",
    });
    const second = await visit();
    expect(second.home).not.toBe(first.home);
    expect(edge.edge.undrain("test", first.home)).toBe(true);
    second.client.socket.terminate();
    expect((await visit()).home).toBe(second.home);
    expect(edge.edge.drain("test", "nobody")).toBe(false);
    expect(edge.edge.undrain("nowhere", "a")).toBe(false);
  });

  it("of every backend leaves 503 to newcomers, and can be stopped half way", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend], { drain: { over: "3600s" } });
    const clients = await Promise.all(Array.from({ length: 20 }, () => openClient(edge.ws)));
    edge.edge.drain("test", "a");
    await Promise.race(clients.map(({ closed }) => closed));
    expect((await refusedUpgrade(edge.ws)).status).toBe(503);
    const row = edge.edge.status()[0]?.backends[0];
    expect(row).toMatchObject({ state: "draining", drain: { closed: 1, left: 19 } });
    edge.edge.undrain("test", "a");
    await openClient(edge.ws);
    expect(edge.edge.status()[0]?.backends[0]?.drain).toBeUndefined();
    expect(clients.filter(({ socket }) => socket.readyState === socket.OPEN)).toHaveLength(19);
  });

  it("is asked for by POST with the token, and not by a browser's page", async () => {
    const backend = await startBackend("a");
    const token = "a-token-of-eighteen";
    const edge = await startTestEdge([backend], {}, { admin: { address: "127.0.0.1:0", token } });
    const ask = async (
      verb: string,
      headers: Record<string, string> = { Authorization: `Bearer ${token}` },
      method = "POST",
    ): Promise<number> => {
      const url = `${edge.admin}/api/pools/test/backends/${verb}`;
      return (await fetch(url, { method, headers })).status;
    };
    expect(await ask("a/drain", {})).toBe(401);
    expect(await ask("a/drain", { Authorization: "Bearer a-token-of-eighteem" })).toBe(401);
    expect(await ask("a/drain", { Authorization: `Bearer ${token}`, Origin: "http://x" })).toBe(
      403,
    );
    expect(await ask("a/drain", { Authorization: `Bearer ${token}` }, "GET")).toBe(405);
    expect(await ask("b/drain")).toBe(404);
    expect(await ask("%/drain")).toBe(404);
    expect(edge.edge.backends("test")[0]?.state).toBe("up");
    expect(await ask("a/drain")).toBe(200);
    expect(edge.edge.backends("test")[0]?.state).toBe("draining");
    expect(await ask("a/undrain")).toBe(200);
    expect(edge.edge.backends("test")[0]?.state).toBe("up");
    expect((await fetch(`${edge.admin}/livez`)).status).toBe(200);
  });
});
