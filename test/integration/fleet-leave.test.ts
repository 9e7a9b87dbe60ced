import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { startTestEdge } from "../support/edge.ts";
import { startNode } from "../support/node.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

describe("a node that leaves", () => {
  it("closes its clients with 1012 spread over the time given, and takes no more", async () => {
    const node = await startNode({ broker: "memory:leave" });
    const clients = await Promise.all(Array.from({ length: 20 }, () => node.connect()));
    const codes: unknown[] = [];
    const open: number[] = [];
    for (const { socket } of clients) {
      socket.once("close", (code: number) => {
        codes.push(code);
        open.push(node.fleet.connections.size);
      });
    }
    await node.fleet.leave({ overMs: 400 });
    expect(node.fleet.connections.size).toBe(0);
    await until("all clients know", () => codes.length === clients.length);
    expect(codes).toEqual(clients.map(() => 1012));
    // Not all at once: some were still open when others were closed already.
    expect(new Set(open).size).toBeGreaterThan(2);
    await expect(node.fleet.channel("room").publish("x")).rejects.toMatchObject({
      code: "fleet_left",
    });
    await expect(node.fleet.channel("room").subscribe(() => undefined)).rejects.toMatchObject({
      code: "fleet_left",
    });
  });

  it("lets clients go by themselves for the time given", async () => {
    const node = await startNode({ broker: "memory:leave-wait" });
    const client = await node.connect();
    const left = node.fleet.leave({ waitMs: 60_000, overMs: 60_000 });
    client.socket.close(4000);
    const [code] = (await once(client.socket, "close")) as [number];
    expect(code).toBe(4000);
    await left;
  });

  it("cuts a client that does not answer its Close", async () => {
    const node = await startNode({ broker: "memory:leave-stuck" });
    const client = await node.connect();
    client.socket.pause();
    await node.fleet.leave({ overMs: 0 });
    expect(node.fleet.connections.size).toBe(0);
  });

  it("sends what it has published before, and leaves nothing behind", async () => {
    const redis = await startRedis();
    const [a, b] = [await startNode({ broker: redis.url }), await startNode({ broker: redis.url })];
    const got: unknown[] = [];
    await b.fleet.channel("room").subscribe(({ data }) => got.push(data));
    const room = a.fleet.channel("room");
    void Promise.all(Array.from({ length: 500 }, (_, i) => room.publish(i)));
    await a.fleet.leave();
    await until("all have come", () => got.length === 500);
    await until("the other one knows", () => b.fleet.members.join() === b.fleet.id);
    await b.fleet.leave();
    const names = async (): Promise<string> => redis.cli("CLIENT", "LIST");
    await until("no connection is left", async () => !(await names()).includes("name=ringway"));
    const left = (await redis.cli("HKEYS", "ringway:store")).split("\n");
    expect(left.sort()).toEqual(["#", "view"]);
  });

  it("is found by an edge, gets no new client while it drains, and is gone after", async () => {
    const redis = await startRedis();
    const edge = await startTestEdge([], { discovery: { redis: { url: redis.url } } });
    const announced = (id: string): ReturnType<typeof startNode> =>
      startNode((url) => ({ broker: redis.url, id, announce: { pool: "test", url } }));
    const [a, b] = [await announced("a"), await announced("b")];
    const states = (): string =>
      edge.edge
        .backends("test")
        .map(({ id, state }) => `${id} ${state}`)
        .join();
    await until("both are found", () => states() === "a up,b up");
    const client = await a.connect();
    const left = a.fleet.leave({ waitMs: 60_000 });
    await until("the edge drains it", () => states() === "a draining,b up");
    client.socket.close();
    await left;
    await until("it is gone", () => states() === "b up");
    await b.fleet.leave();
  });

  it("wants to know which Redis edges read, where its broker is none", async () => {
    await expect(
      startNode({ broker: "memory:x", announce: { pool: "p", url: "http://127.0.0.1:1" } }),
    ).rejects.toThrow("announce.redis");
  });
});
