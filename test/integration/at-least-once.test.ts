import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Gap, Message } from "../../src/backend/message.ts";
import { brokerServers } from "../support/brokers.ts";
import { startNode, type FleetNode } from "../support/node.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { endLasting } from "../support/when-done.ts";

const SETUP_MS = 60_000;
const delivery = "at-least-once";

/** Sessions that went on elsewhere while a node had them. */
async function takenFrom(registry: Registry): Promise<number> {
  const metric = registry.getSingleMetric("ringway_fleet_sessions_taken_total");
  return (await metric?.get())?.values[0]?.value ?? 0;
}

let room: string;

beforeEach(() => {
  room = `room.${randomUUID()}`;
});
afterAll(endLasting);

describe.each(brokerServers)("at-least-once delivery on $name", ({ start, hasStore }) => {
  const registry = new Registry();
  let a: FleetNode;
  let b: FleetNode;

  beforeAll(async () => {
    const broker = await start();
    const store = hasStore ? {} : { store: (await startRedis()).url };
    const timing = { ackTimeoutMs: 300, maxDeliveries: 3 };
    [a, b] = await Promise.all([
      startNode({ broker, ...store, delivery: timing, metrics: registry }),
      startNode({ broker, ...store, delivery: timing }),
    ]);
  }, SETUP_MS);

  async function publish(node: FleetNode, ...texts: string[]): Promise<void> {
    const channel = node.fleet.channel(room);
    await Promise.all(texts.map((text) => channel.publish(text, { delivery })));
  }

  it("gives a subscriber each message once, in order, from either node", async () => {
    const got: Message[] = [];
    await a.fleet
      .channel(room)
      .subscribe((message) => got.push(message), { delivery, session: "worker" });
    const texts = Array.from({ length: 30 }, (_, i) => String(i));
    await publish(b, ...texts.slice(0, 15));
    await publish(a, ...texts.slice(15));
    await until("all have come", () => got.length >= texts.length);
    expect(got.map(({ data }) => data)).toEqual(texts);
    expect(got.every(({ deliveries }) => deliveries === 1)).toBe(true);
    expect(new Set(got.map(({ offset }) => offset)).size).toBe(texts.length);
  });

  it("goes on at another node where the session stood, with what came meanwhile", async () => {
    const got: unknown[] = [];
    const options = { delivery, session: "mover" } as const;
    const onMessage = ({ data }: Message): unknown => got.push(data);
    const first = await a.fleet.channel(room).subscribe(onMessage, options);
    await publish(a, "1", "2");
    await until("two have come", () => got.length === 2);
    await first.end();
    await publish(b, "3", "4");
    await b.fleet.channel(room).subscribe(onMessage, options);
    await publish(a, "5");
    await until("all have come", () => got.length >= 5);
    expect(got).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("sends again what was refused and what nobody settled; the rest flows on", async () => {
    const got: string[] = [];
    const options = { delivery, session: "picky", ack: "manual" } as const;
    await b.fleet.channel(room).subscribe((message) => {
      got.push(`${String(message.data)}${message.deliveries}`);
      if (message.data === "refused" && message.deliveries === 1) message.nack({ delay: 20 });
      else if (message.data !== "lost" || message.deliveries > 1) message.ack();
    }, options);
    await publish(a, "refused", "lost", "fine");
    await until("all are settled", () => got.includes("refused2") && got.includes("lost2"));
    const first = got.filter((each) => each.endsWith("1"));
    expect(first).toEqual(["refused1", "lost1", "fine1"]);
    expect(got).toHaveLength(5);
  });

  it("puts a message aside that was delivered too often, with the reason", async () => {
    const deliveries: number[] = [];
    const letters: unknown[] = [];
    const channel = a.fleet.channel(room);
    await b.fleet
      .channel("dead-letters")
      .subscribe((letter) => letters.push(letter.data), { delivery, session: room });
    await channel.subscribe(
      (message) => {
        if (message.data !== "poison") return;
        deliveries.push(message.deliveries);
        message.nack({ delay: 10, reason: "no such order" });
      },
      { delivery, session: "worker" },
    );
    await publish(b, "poison", "fine");
    const found = (): unknown =>
      letters.find((letter) => (letter as { channel: string }).channel === room);
    await until("the letter is there", () => found() !== undefined);
    expect(deliveries).toEqual([1, 2, 3]);
    expect(found()).toMatchObject({
      session: "subscriber:worker",
      text: "poison",
      deliveries: 3,
      reason: "no such order",
    });
  });

  it("gives those who hear a channel at most once one copy, and other messages to everybody", async () => {
    const once: unknown[] = [];
    const kept: unknown[] = [];
    await a.fleet.channel(room).subscribe(({ data }) => once.push(data));
    await b.fleet
      .channel(room)
      .subscribe(({ data }) => kept.push(data), { delivery, session: "worker" });
    await publish(b, "kept");
    await b.fleet.channel(room).publish("fleeting");
    await publish(a, "last");
    await until("all have come", () => once.length >= 3 && kept.length >= 3);
    expect(once.sort()).toEqual(["fleeting", "kept", "last"]);
    expect(kept.sort()).toEqual(["fleeting", "kept", "last"]);
  });

  it("lets the last one of a session go on alone", async () => {
    const before = await takenFrom(registry);
    const [old, young]: [unknown[], unknown[]] = [[], []];
    const options = { delivery, session: "moved" } as const;
    await a.fleet.channel(room).subscribe(({ data }) => old.push(data), options);
    await publish(a, "1");
    await until("one has come", () => old.length === 1);
    await b.fleet.channel(room).subscribe(({ data }) => young.push(data), options);
    await publish(a, "2");
    await until("it has come", () => young.includes("2"));
    // The first is told, or finds out when it can't keep what it has settled.
    await until("the first has stopped", async () => (await takenFrom(registry)) > before);
    await publish(b, "3");
    await until("it has come", () => young.includes("3"));
    expect(old).not.toContain("3");
  });

  it("gives a plain client the messages as they are, and goes on with its session", async () => {
    const session = randomUUID();
    const client = await a.connect({ session });
    await client.connection.join(room, { delivery });
    await publish(b, "1", "2");
    await until("two have come", () => client.got.length === 2);
    client.socket.close();
    await once(client.socket, "close");
    await publish(b, "3");
    const again = await b.connect({ session });
    await again.connection.join(room, { delivery });
    await until("it has come", () => again.got.includes("3"));
    expect([...client.got, ...new Set(again.got)]).toEqual(expect.arrayContaining(["1", "2", "3"]));
  });
});

describe.each(brokerServers.filter(({ countsEntries }) => countsEntries))(
  "a session that comes too late on $name",
  ({ start }) => {
    it("is told of the gap, and goes on behind it", async () => {
      const broker = await start();
      const node = await startNode({ broker, retention: { messages: 5 } });
      const channel = node.fleet.channel(room);
      const got: unknown[] = [];
      const gaps: Gap[] = [];
      const onMessage = ({ data }: Message): unknown => got.push(data);
      const options = {
        delivery,
        session: "late",
        onGap: (gap: Gap) => gaps.push(gap),
      } as const;
      const first = await channel.subscribe(onMessage, options);
      await channel.publish("1", { delivery });
      await until("it has come", () => got.length === 1);
      await first.end();
      for (let i = 2; i <= 20; i++) await channel.publish(String(i), { delivery });
      await channel.subscribe(onMessage, options);
      await until("the last has come", () => got.includes("20"));
      expect(got.slice(-5)).toEqual(["16", "17", "18", "19", "20"]);
      expect(gaps).toHaveLength(1);
      expect(gaps[0]).toMatchObject({
        channel: room,
        reason: "trimmed",
        asked: { offset: expect.any(String) as string },
        resumes: { offset: expect.any(String) as string },
      });
    });
  },
);
