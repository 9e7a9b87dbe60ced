import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { FleetError } from "../../src/backend/fleet-error.ts";
import type { Gap } from "../../src/backend/message.ts";
import { startNats } from "../support/nats.ts";
import { startNode, type FleetNode } from "../support/node.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

interface BrokerServer {
  readonly url: string;
  kill(): Promise<void>;
  restart(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

const servers: readonly (readonly [name: string, start: () => Promise<BrokerServer>])[] = [
  ["Redis", () => startRedis()],
  ["NATS", () => startNats()],
];

const LIMITS = { queuedMessages: 500, queuedBytes: 1_000_000 };

async function metric(registry: Registry, name: string): Promise<number> {
  const line = (await registry.metrics())
    .split("\n")
    .find((text) => text.startsWith(`ringway_fleet_${name} `));
  return Number(line?.split(" ")[1]);
}

/** Two nodes, each of which hears what the other one says. */
async function startPair(broker: string): Promise<{
  a: FleetNode;
  b: FleetNode;
  registry: Registry;
  got: number[];
  gaps: Gap[];
}> {
  const registry = new Registry();
  const a = await startNode({ broker, limits: LIMITS });
  const b = await startNode({ broker, limits: LIMITS, metrics: registry });
  const got: number[] = [];
  const gaps: Gap[] = [];
  await b.fleet.channel("room").subscribe(({ data }) => got.push(data as number), {
    onGap: (gap) => gaps.push(gap),
  });
  return { a, b, registry, got, gaps };
}

describe.each(servers)("a fleet whose %s goes away", (_, start) => {
  it("queues what is published up to its bound, refuses the rest, and sends the queue after", async () => {
    const server = await start();
    const { a, registry, got, gaps } = await startPair(server.url);
    const room = a.fleet.channel("room");
    await room.publish(0);
    await until("the first message arrives", () => got.length === 1);
    await server.kill();

    const publish = (value: number): Promise<boolean> =>
      room.publish(value).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(FleetError);
          expect(error).toMatchObject({ code: "queue_full", retryable: true });
          return false;
        },
      );
    await until("the loss is noticed", async () => {
      await room.publish(1);
      return gaps.length > 0 || (await metric(registry, "broker_up")) === 0;
    });
    const results: boolean[] = [];
    while (results.length < 2 * LIMITS.queuedMessages)
      results.push(await publish(results.length + 2));
    expect(results.filter((accepted) => accepted).length).toBeLessThanOrEqual(
      LIMITS.queuedMessages,
    );
    expect(results.at(-1)).toBe(false);

    await server.restart();
    let last = 1_000_000;
    await until("messages arrive again", async () => {
      await publish(++last);
      return (got.at(-1) ?? 0) > 1_000_000;
    });
    // Each once and in order; what went out before the other node heard again, it has missed.
    const numbered = got.filter((value) => value !== 1);
    expect(numbered).toEqual([...new Set(numbered)].sort((x, y) => x - y));
    const [gap] = gaps;
    expect(gap).toMatchObject({ reason: "interrupted", channel: "room" });
    expect(gap?.reason === "interrupted" && gap.awayMs > 0).toBe(true);
  });

  it("comes back by itself, however often, and counts what it has missed", async () => {
    const server = await start();
    const { a, registry, got, gaps } = await startPair(server.url);
    let sent = 0;
    let isRunning = true;
    const room = a.fleet.channel("room");
    // As fast as it goes, whatever becomes of it.
    const publishing = (async () => {
      while (isRunning) {
        await room.publish(sent).then(
          () => sent++,
          () => undefined,
        );
      }
    })();
    for (let round = 0; round < 3; round++) {
      const before = got.length;
      await until("messages arrive", () => got.length > before + 100);
      await server.kill();
      await server.restart();
    }
    const before = got.length;
    await until("messages arrive again", () => got.length > before + 100);
    isRunning = false;
    await publishing;
    const last = sent;
    await until("the last message is sent", () => room.publish(last).then(() => true));
    await until("the last message arrives", () => got.at(-1) === last);
    expect(got).toEqual([...new Set(got)].sort((x, y) => x - y));
    const missed = await metric(registry, "messages_missed_total");
    expect(got.length + missed).toBe(last + 1);
    expect(gaps.filter(({ reason }) => reason === "interrupted")).toHaveLength(3);
    expect(await metric(registry, "broker_interruptions_total")).toBe(3);
    expect(await metric(registry, "broker_up")).toBe(1);
  });

  it("does not wait for one that hangs: local clients are served, and all is well after", async () => {
    const server = await start();
    const { a, got } = await startPair(server.url);
    const client = await a.connect();
    await client.connection.join("room");
    const room = a.fleet.channel("room");
    server.freeze();
    for (let i = 0; i < 100; i++) await room.publish(i);
    await until("the local client has all", () => client.got.length === 100);
    const other = await a.connect();
    const joined = other.connection.join("another");
    server.thaw();
    await joined;
    await until("messages arrive again", async () => {
      await room.publish(1_000);
      return got.includes(1_000);
    });
    expect(client.got.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  });
});
