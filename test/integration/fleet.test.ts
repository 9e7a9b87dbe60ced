import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { joinFleet } from "../../src/backend/join-fleet.ts";
import type { Message } from "../../src/backend/message.ts";
import { ConfigError } from "../../src/core/errors.ts";
import { openNode } from "../support/brokers.ts";
import { startNats } from "../support/nats.ts";
import { startNode } from "../support/node.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

let hubs = 0;
const memory = (): string => `memory:fleet-${++hubs}`;

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("joining a fleet", () => {
  it("names every option that can't be used", async () => {
    const error = await failure(
      joinFleet({
        id: "no spaces",
        namespace: "",
        broker: memory(),
        limits: { bufferedBytes: -1, messageBytes: 1.5 },
        graceMs: Number.NaN,
      }),
    );
    expect(error).toBeInstanceOf(ConfigError);
    const { message } = error as ConfigError;
    for (const name of ["id", "namespace", "bufferedBytes", "messageBytes", "graceMs"]) {
      expect(message).toContain(name);
    }
  });

  it.each([
    ["ftp://127.0.0.1", "must begin with one of"],
    ["redis://user:geheim@", "redis://HOST:PORT"],
    ["nats://user:geheim@", "must be nats://HOST:PORT"],
    ["kafka:127.0.0.1", "must be kafka://HOST:PORT"],
    ["nats://%zz:geheim@127.0.0.1", "not percent-encoded"],
  ])("refuses the broker %s, without quoting a password", async (broker, wanted) => {
    const error = await failure(joinFleet({ id: "a", broker }));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toContain(wanted);
    expect((error as Error).message).not.toContain("geheim");
  });

  it.each(["redis://127.0.0.1:1", "nats://127.0.0.1:1", "kafka://127.0.0.1:1"])(
    "says that %s can't be reached",
    async (broker) => {
      expect(await failure(joinFleet({ id: "a", broker }))).toMatchObject({
        code: "broker_away",
        message: expect.stringContaining(broker) as string,
      });
    },
  );

  it("refuses guarantees that the broker can't give, by name", async () => {
    const { url: broker } = await startNats({ jetstream: false });
    for (const face of ["log", "store"] as const) {
      const error = await failure(joinFleet({ id: "a", broker, requires: [face] }));
      expect(error).toMatchObject({ code: "capability_missing" });
      expect((error as Error).message).toContain(`${broker} has no ${face}`);
      expect((error as Error).message).toContain("start nats-server with -js");
    }
    expect(await failure(joinFleet({ id: "a", broker, shards: {} }))).toMatchObject({
      code: "capability_missing",
    });
    const { fleet } = await startNode({ broker });
    expect(fleet.capabilities).toEqual(["bus"]);
    expect(() => fleet.shards).toThrow(/no store/);
    const { fleet: stored } = await startNode({ broker, store: memory(), requires: ["store"] });
    expect(stored.members).toEqual([stored.id]);
    expect(stored.capabilities).toEqual(["bus", "store", "cursors"]);
  });

  it("says what a broker does not let it subscribe to, and hears the rest", async () => {
    const { url } = await startNats({
      jetstream: false,
      configuration: `authorization { users: [{ user: ann, password: geheim, permissions: {
        publish: ">", subscribe: { deny: "ringway.channel.secret" } } }] }`,
    });
    const broker = url.replace("nats://", "nats://ann@");
    const node = await startNode({ broker, password: "geheim" });
    const { connection, got } = await node.connect();
    const refused = await failure(connection.join("secret"));
    expect((refused as Error).message).toContain("ringway.channel.secret");
    expect([...connection.channels]).toEqual([]);
    await connection.join("open");
    const other = await startNode({ broker, password: "geheim" });
    await other.fleet.channel("open").publish("x");
    await until("it has come", () => got.length === 1);
    const wrong = await failure(joinFleet({ id: "a", broker, password: "falsch" }));
    expect(wrong).toMatchObject({ code: "broker_away" });
    expect((wrong as Error).message).not.toContain("falsch");
  });

  it("shares out keys in one way only", async () => {
    const broker = memory();
    await startNode({ broker });
    const error = await failure(
      joinFleet({ id: "b", broker, shards: { channels: { by: "directory" } } }),
    );
    expect(error).toMatchObject({ code: "bad_shards" });
  });

  it("leaves a broker open that it was given", async () => {
    const url = memory();
    const broker = await openNode(url, { namespace: "given" });
    const fleet = await joinFleet({ id: "a", broker });
    await fleet.leave();
    await broker.bus.publish([{ channel: "x", payload: Buffer.from("x") }]);
    expect(await broker.store?.read("view")).toBeDefined();
  });
});

describe("a channel", () => {
  it("sends texts and bytes as they are, and everything else as JSON", async () => {
    const broker = memory();
    const [a, b] = [await startNode({ broker }), await startNode({ broker })];
    const clients = [await a.connect(), await b.connect()];
    for (const { connection } of clients) await connection.join("room");
    const data: unknown[] = [];
    await b.fleet.channel("room").subscribe((message) => data.push(message.data));
    const room = a.fleet.channel("room");
    const bytes = Buffer.from([0, 255, 128]);
    for (const value of ["ä", bytes, { a: [1] }, 7, null, true]) await room.publish(value);
    await until("all have come", () => clients.every(({ got }) => got.length === 6));
    const wanted = ["ä", bytes.toString("latin1"), '{"a":[1]}', "7", "null", "true"];
    for (const { got } of clients) expect(got).toEqual(wanted);
    expect(data).toEqual(["ä", bytes, { a: [1] }, 7, null, true]);
  });

  it("tells subscribers whose message it is, and the same to all of them", async () => {
    const broker = memory();
    const [a, b] = [await startNode({ broker }), await startNode({ broker })];
    const got: Message[] = [];
    for (const { fleet } of [a, b]) {
      await fleet.channel("room").subscribe((message) => got.push(message));
    }
    const before = Date.now();
    await a.fleet.channel("room").publish("x");
    await until("both have it", () => got.length === 2);
    expect(got[0]?.id).toBe(got[1]?.id);
    expect(got[0]?.channel).toBe("room");
    expect(got[1]?.publishedAt).toBeGreaterThanOrEqual(before);
    await a.fleet.channel("room").publish("y");
    await until("both have it", () => got.length === 4);
    expect(new Set(got.map(({ id }) => id)).size).toBe(2);
  });

  it("refuses what can't be published, and harms nobody else", async () => {
    const node = await startNode({ broker: memory(), limits: { messageBytes: 10 } });
    const room = node.fleet.channel("room");
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    for (const [value, code] of [
      ["x".repeat(11), "message_too_big"],
      [circle, "bad_message"],
      [undefined as unknown as string, "bad_message"],
      [1n as unknown as string, "bad_message"],
    ] as const) {
      expect(await failure(room.publish(value))).toMatchObject({ code });
    }
    for (const name of ["", " ", "a b", "a*", ">", "x".repeat(129), "ü", "#members"]) {
      expect(() => node.fleet.channel(name)).toThrow(
        expect.objectContaining({ code: "bad_channel_name" }) as Error,
      );
    }
    const client = await node.connect();
    expect(await failure(client.connection.join("a b"))).toMatchObject({
      code: "bad_channel_name",
    });
    await client.connection.join("room");
    await room.publish("x".repeat(10));
    await until("it has come", () => client.got.length === 1);
  });

  it("gives a client what is published while it is in the channel, and nothing else", async () => {
    const node = await startNode({ broker: memory() });
    const client = await node.connect();
    const room = node.fleet.channel("room");
    await room.publish("before");
    await client.connection.join("room");
    await client.connection.join("room");
    await room.publish("within");
    client.connection.leave("room");
    await room.publish("after");
    await client.connection.join("room");
    await room.publish("again");
    await until("the last has come", () => client.got.includes("again"));
    expect(client.got).toEqual(["within", "again"]);
  });

  it("lets a client that has gone join nothing", async () => {
    const metrics = new Registry();
    const node = await startNode({ broker: memory(), metrics });
    const { socket, connection } = await node.connect();
    socket.close();
    await until("it has gone", () => node.fleet.connections.size === 0);
    await connection.join("room");
    expect([...connection.channels]).toEqual([]);
    const again = node.fleet.accept(connection.socket, new IncomingMessage(new Socket()));
    await again.join("room");
    expect(node.fleet.connections.size).toBe(0);
    const exposed = await metrics.metrics();
    expect(exposed).toContain("ringway_fleet_memberships 0");
    expect(exposed).toContain("ringway_fleet_connections 0");
  });

  it("calls the other subscribers when one of them throws, or rejects", async () => {
    const metrics = new Registry();
    const { fleet } = await startNode({ broker: memory(), metrics });
    const room = fleet.channel("room");
    const got: unknown[] = [];
    await room.subscribe(() => {
      throw new Error("thrown");
    });
    await room.subscribe(() => Promise.reject(new Error("rejected")));
    await room.subscribe(({ data }) => got.push(data));
    await room.publish("x");
    expect(got).toEqual(["x"]);
    await until("both are counted", async () =>
      (await metrics.metrics()).includes("ringway_fleet_subscriber_errors_total 2"),
    );
  });

  it("is heard at the broker only while somebody here hears it, and a grace time", async () => {
    const redis = await startRedis();
    const node = await startNode({ broker: redis.url, graceMs: 200 });
    const heard = async (): Promise<string[]> => {
      const channels = await redis.cli("PUBSUB", "CHANNELS", "ringway:channel:room*");
      return channels.split("\n").filter((name) => name !== "");
    };
    const [one, two] = [await node.connect(), await node.connect()];
    expect(await heard()).toEqual([]);
    await one.connection.join("room");
    await two.connection.join("room");
    expect(await heard()).toEqual(["ringway:channel:room"]);
    one.socket.close();
    two.connection.leave("room");
    await until("the grace time is over", async () => (await heard()).length === 0);
    const subscription = await node.fleet.channel("room").subscribe(() => undefined);
    expect(await heard()).toEqual(["ringway:channel:room"]);
    await subscription.end();
    await until("the grace time is over", async () => (await heard()).length === 0);
  });

  it("passes over what is no message of its own", async () => {
    const redis = await startRedis();
    const metrics = new Registry();
    const node = await startNode({ broker: redis.url, metrics });
    const client = await node.connect();
    await client.connection.join("room");
    for (const text of ["", "x", "\u0001", "{}", "x".repeat(1_000)]) {
      await redis.cli("PUBLISH", "ringway:channel:room", text);
    }
    await redis.cli("PUBLISH", "ringway:channel:#members", "x");
    await redis.cli("PUBLISH", `ringway:channel:#node:${node.fleet.id}`, '{"type":"publish"}');
    await node.fleet.channel("room").publish("a message");
    await until("it has come", () => client.got.length > 0);
    expect(client.got).toEqual(["a message"]);
    await until("all are counted", async () =>
      (await metrics.metrics()).includes("ringway_fleet_messages_malformed_total 5"),
    );
  });
});
