import { once } from "node:events";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { startBackend } from "../support/backend.ts";
import { openClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";
import { startRelay } from "../support/relay.ts";

const keepalive = "200ms";

/** A backend that remembers its connections, and counts the pongs that it did not ask for. */
async function startWatched() {
  const connections: WebSocket[] = [];
  let pongs = 0;
  const backend = await startBackend("a", {
    webSocket(socket) {
      connections.push(socket);
      socket.on("pong", () => pongs++);
      socket.on("message", (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }));
    },
  });
  const first = (): WebSocket => {
    const [connection] = connections;
    if (connection === undefined) throw new Error("nobody is connected");
    return connection;
  };
  return { backend, first, pongs: () => pongs };
}

describe("a peer that is silent, but there,", () => {
  it("is pinged by the edge on both sides, and neither sees the other's answers", async () => {
    const { backend, first, pongs } = await startWatched();
    const edge = await startTestEdge([backend], { keepalive });
    const client = await openClient(edge.ws);
    let clientPongs = 0;
    client.socket.on("pong", () => clientPongs++);
    for (let i = 0; i < 4; i++) {
      await Promise.all([once(client.socket, "ping"), once(first(), "ping")]);
    }
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    client.socket.send("still here");
    expect(await client.text()).toBe("still here");
    expect([pongs(), clientPongs]).toEqual([0, 0]);
    expect(await edge.metric("ringway_tunnel_frames_total", { direction: "from_client" })).toBe(1);
  });

  it("hears the answers to its own pings, and the edge adds none while they are on their way", async () => {
    const { backend, first } = await startWatched();
    const edge = await startTestEdge([backend], { keepalive });
    const client = await openClient(edge.ws, { autoPong: false });
    let pings = 0;
    client.socket.on("ping", () => pings++);
    first().ping("mine");
    const [payload] = (await once(client.socket, "ping")) as [Buffer];
    expect(String(payload)).toBe("mine");
    const answered = once(first(), "pong");
    client.socket.pong(payload);
    expect(String((await answered)[0])).toBe("mine");
    expect(pings).toBe(1);
  });

  it("is idle all the same: answers to the edge are no activity", async () => {
    const { backend } = await startWatched();
    const edge = await startTestEdge([backend], { keepalive, timeouts: { idle: "1s" } });
    const client = await openClient(edge.ws);
    expect((await client.closed).code).toBe(1001);
    expect((await edge.logged("tunnel ended")).fields).toMatchObject({ fault: "idle_timeout" });
  });

  it("is left alone where keepalive is 0", async () => {
    const { backend } = await startWatched();
    const edge = await startTestEdge([backend], { keepalive: "0s", timeouts: { idle: "1s" } });
    const client = await openClient(edge.ws);
    let pings = 0;
    client.socket.on("ping", () => pings++);
    await client.closed;
    expect(pings).toBe(0);
  });
});

describe("a peer that has vanished without a word", () => {
  it("frees its slot when it is a client, and its backend gets a Close", async () => {
    const { backend, first } = await startWatched();
    const edge = await startTestEdge([backend], { keepalive });
    const relay = await startRelay(edge.port);
    await openClient(`ws://127.0.0.1:${relay.port}`);
    const stays = await openClient(edge.ws);
    const lost = first();
    relay.stall();
    const [code] = (await once(lost, "close")) as [number];
    expect(code).toBe(1001);
    const { fields } = await edge.logged("tunnel ended");
    expect(fields).toMatchObject({ closedBy: "client", fault: "keepalive_timeout" });
    expect(await edge.metric("ringway_tunnels_open")).toBe(1);
    expect(stays.socket.readyState).toBe(stays.socket.OPEN);
  });

  it("frees its slot while it is being sent to", async () => {
    const backend = await startBackend("a", {
      webSocket(socket) {
        const timer = setInterval(() => socket.send(Buffer.alloc(64 * 1024)), 5);
        socket.on("close", () => clearInterval(timer)).on("error", () => undefined);
      },
    });
    const edge = await startTestEdge([backend], { keepalive });
    const relay = await startRelay(edge.port);
    const client = await openClient(`ws://127.0.0.1:${relay.port}`);
    await client.message();
    relay.stall();
    const { fields } = await edge.logged("tunnel ended");
    expect(fields).toMatchObject({ closedBy: "client", fault: "keepalive_timeout" });
  });

  it("costs its client a Close 1012 when it is a backend", async () => {
    const { backend } = await startWatched();
    const relay = await startRelay(backend.port);
    const edge = await startTestEdge([{ id: "a", url: `http://127.0.0.1:${relay.port}` }], {
      keepalive,
    });
    const client = await openClient(edge.ws);
    relay.stall();
    expect((await client.closed).code).toBe(1012);
    const { fields } = await edge.logged("tunnel ended");
    expect(fields).toMatchObject({ closedBy: "backend", fault: "backend_lost" });
  });
});
