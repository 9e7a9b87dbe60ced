import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { startBackend } from "../support/backend.ts";
import { openClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

describe("closing an edge", () => {
  it("tells every client Close 1001, spread over the drain time, and resolves after the last", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend], { drain: { over: "600ms" } });
    const clients = await Promise.all(Array.from({ length: 30 }, () => openClient(edge.ws)));
    const closing = edge.edge.close();
    await Promise.race(clients.map((client) => client.closed));
    const open = clients.filter(({ socket }) => socket.readyState === socket.OPEN);
    expect(open.length).toBeGreaterThan(clients.length / 2);
    await closing;
    const closes = await Promise.all(clients.map((client) => client.closed));
    expect(closes.map(({ code }) => code)).toEqual(Array(30).fill(1001));
    for (const socket of backend.sockets) if (!socket.closed) await once(socket, "close");
  });

  it("accepts nothing more at once, and is not ready", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend], { drain: { over: "300ms" } });
    const clients = await Promise.all([openClient(edge.ws), openClient(edge.ws)]);
    expect((await fetch(`${edge.admin}/readyz`)).status).toBe(200);
    const closed = edge.edge.close();
    const late = connect(edge.port, "127.0.0.1");
    const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
    expect((await fetch(`${edge.admin}/readyz`)).status).toBe(503);
    expect((await fetch(`${edge.admin}/livez`)).status).toBe(200);
    await closed;
    await Promise.all(clients.map((client) => client.closed));
  });

  it("lets a request under way end, then its kept-alive connection", async () => {
    let finish: (() => void) | undefined;
    const backend = await startBackend("a", {
      http(_, response) {
        response.write("begun ");
        finish = () => response.end("done");
      },
    });
    const edge = await startTestEdge([backend]);
    const response = await fetch(edge.http);
    const closed = edge.edge.close();
    finish?.();
    expect(await response.text()).toBe("begun done");
    await closed;
  });

  it("sends the Close after the frame that is being passed", async () => {
    const big = Buffer.alloc(8 * 1024 * 1024, 1);
    const backend = await startBackend("a", {
      options: { perMessageDeflate: false },
      webSocket: (socket) => socket.send(big),
    });
    const edge = await startTestEdge([backend], { limits: { messageBytes: "16MiB" } });
    const client = await openClient(edge.ws, { perMessageDeflate: false });
    const closing = edge.edge.close();
    expect((await client.message()).data.equals(big)).toBe(true);
    expect((await client.closed).code).toBe(1001);
    await closing;
  });

  it("can be asked for twice, and resolves both times after the end", async () => {
    const edge = await startTestEdge([await startBackend("a")]);
    await Promise.all([edge.edge.close(), edge.edge.close()]);
    await edge.edge.destroy();
  });

  it("closes an idle tunnel with 1001 after the idle time-out, but not a busy one", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend], { timeouts: { idle: "300ms" } });
    const [idle, busy] = await Promise.all([openClient(edge.ws), openClient(edge.ws)]);
    const chatter = setInterval(() => busy.socket.send("x"), 20);
    await idle.closed;
    clearInterval(chatter);
    expect((await idle.closed).code).toBe(1001);
    expect(busy.socket.readyState).toBe(busy.socket.OPEN);
    expect(await edge.metric("ringway_tunnel_closes_total", { by: "edge", code: "1001" })).toBe(1);
  });
});
