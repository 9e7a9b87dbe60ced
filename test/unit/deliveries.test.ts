import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Consumer } from "../../src/backend/delivery/consumer.ts";
import { CHANNEL, DeliveryNode, FakeTarget } from "../support/deliveries.ts";
import { FakeClock } from "../support/fake-clock.ts";

const ACK_MS = 1_000;
/** How exact redeliveries are. */
const TICK_MS = 200;

async function settled(
  node: DeliveryNode,
  consumer: Consumer,
  target: FakeTarget,
  text: string,
): Promise<void> {
  const { offset, epoch } = target.last(text).position;
  consumer.ack([offset], epoch);
  await node.settle();
}

describe("a message that nobody settles", () => {
  it("comes again after the time-out, then after twice as long, and then goes to the dead letters", async () => {
    const node = await DeliveryNode.open({ ackTimeoutMs: ACK_MS, maxDeliveries: 3 });
    const target = new FakeTarget();
    await node.join("s", target);
    await node.publish("a");
    for (const [i, waitMs] of [ACK_MS, 2 * ACK_MS].entries()) {
      await node.advance(waitMs - 1);
      expect(target.texts).toHaveLength(i + 1);
      await node.advance(1); // both are whole numbers of ticks
    }
    expect(target.texts).toEqual(["a/1", "a/2", "a/3"]);
    await node.advance(4 * ACK_MS - 1);
    expect(node.buried).toEqual([]);
    await node.advance(1);
    expect(node.buried).toMatchObject([
      { session: "s", deliveries: 3, reason: "not acknowledged in time" },
    ]);
    await node.advance(60_000);
    expect(target.texts).toHaveLength(3);
    expect(node.deliveries.waiting).toBe(0);
  });

  it("is kept until the dead letters can take it", async () => {
    const node = await DeliveryNode.open({ ackTimeoutMs: ACK_MS, maxDeliveries: 1 });
    const target = new FakeTarget();
    await node.join("s", target);
    node.canBury = false;
    await node.publish("a");
    await node.advance(5 * ACK_MS);
    expect(node.deliveries.waiting).toBe(1);
    node.canBury = true;
    await node.advance(2 * ACK_MS);
    expect(node.buried).toHaveLength(1);
    expect(node.deliveries.waiting).toBe(0);
  });

  it("is not sent to who may have gone, nor counted", async () => {
    const node = await DeliveryNode.open({ ackTimeoutMs: ACK_MS, maxDeliveries: 2 });
    const target = new FakeTarget();
    await node.join("s", target);
    await node.publish("a");
    target.isAlive = false;
    await node.advance(60_000);
    expect(target.texts).toEqual(["a/1"]);
    target.isAlive = true;
    await node.advance(1_000);
    expect(target.texts).toEqual(["a/1", "a/2"]);
  });
});

describe("a message that is refused", () => {
  it("comes again after the time that was asked for, or one that grows; the reason goes with it", async () => {
    const node = await DeliveryNode.open({ ackTimeoutMs: 600_000, maxDeliveries: 3 });
    const target = new FakeTarget();
    const { consumer } = await node.join("s", target);
    await node.publish("a");
    const refuse = async (delayMs?: number): Promise<void> => {
      consumer.nack({ ...target.last("a").position, delayMs, reason: "no stock" });
      await node.settle();
    };
    await refuse(5_000);
    await node.advance(4_999);
    expect(target.texts).toHaveLength(1);
    await node.advance(TICK_MS);
    expect(target.texts).toHaveLength(2);
    await refuse();
    await node.advance(1_999); // one second, doubled, and no jitter in this test
    expect(target.texts).toHaveLength(2);
    await node.advance(TICK_MS);
    expect(target.texts).toHaveLength(3);
    await refuse(0);
    await node.advance(TICK_MS);
    expect(node.buried).toMatchObject([{ deliveries: 3, reason: "no stock" }]);
  });
});

describe("a session", () => {
  it("gets no more than it may have unsettled, or has room for, and goes on when it settles", async () => {
    const node = await DeliveryNode.open();
    const target = new FakeTarget();
    target.maxInFlight = 2;
    const { consumer } = await node.join("s", target);
    await node.publish("a", "b", "c", "d");
    expect(target.texts).toEqual(["a/1", "b/1"]);
    await settled(node, consumer, target, "b");
    expect(target.texts).toEqual(["a/1", "b/1", "c/1"]);
    target.freeRoom = 0;
    await settled(node, consumer, target, "a");
    await node.advance(TICK_MS);
    expect(target.texts).toHaveLength(3);
    target.freeRoom = 1;
    await node.advance(TICK_MS);
    expect(target.texts).toEqual(["a/1", "b/1", "c/1", "d/1"]);
  });

  it("gets nothing before whoever opened it has begun, whatever comes meanwhile", async () => {
    const node = await DeliveryNode.open();
    await node.join("another", new FakeTarget());
    const target = new FakeTarget();
    const { consumer } = await node.deliveries.open({ channel: CHANNEL, session: "s", target });
    await node.publish("a");
    await node.advance(TICK_MS);
    expect(target.texts).toEqual([]);
    consumer.wake();
    await node.settle();
    expect(target.texts).toEqual(["a/1"]);
  });

  it("goes on at another node: what it settled does not come again, the rest is counted on", async () => {
    const url = `memory:${randomUUID()}`;
    const clock = new FakeClock();
    const [one, two] = [
      await DeliveryNode.open({}, { url, clock }),
      await DeliveryNode.open({}, { url, clock }),
    ];
    const target = new FakeTarget();
    const { consumer, close } = await one.join("s", target);
    await one.publish("a", "b", "c", "d");
    await settled(one, consumer, target, "b");
    await settled(one, consumer, target, "d");
    await close();
    const next = new FakeTarget();
    const opened = await two.join("s", next);
    expect(opened.isNew).toBe(false);
    expect(next.texts).toEqual(["a/2", "c/2"]);
    expect(target.isReplaced).toBe(false);
  });

  it("keeps what it settled within a moment, also for who takes it over without a word", async () => {
    const url = `memory:${randomUUID()}`;
    const clock = new FakeClock();
    const [one, two] = [
      await DeliveryNode.open({}, { url, clock }),
      await DeliveryNode.open({}, { url, clock }),
    ];
    const target = new FakeTarget();
    const { consumer } = await one.join("s", target);
    await one.publish("a", "b");
    await settled(one, consumer, target, "a");
    await one.advance(250);
    const next = new FakeTarget();
    await two.join("s", next);
    expect(next.texts).toEqual(["b/2"]);
    // The first finds out when it writes its place, and settles nothing any more.
    await settled(one, consumer, target, "b");
    await one.advance(250);
    expect(target.isReplaced).toBe(true);
    await two.advance(31_000);
    expect(next.texts).toEqual(["b/2"]); // the second wait is a minute
    await two.advance(31_000);
    expect(next.texts).toEqual(["b/2", "b/3"]);
  });

  it("is told of what retention has dropped, once, and goes on behind it", async () => {
    const url = `memory:${randomUUID()}`;
    const clock = new FakeClock();
    const node = await DeliveryNode.open({}, { url, clock, messages: 2 });
    const before = new FakeTarget();
    const { consumer, close } = await node.join("s", before);
    await node.publish("a");
    await settled(node, consumer, before, "a");
    await close();
    await node.publish("b", "c", "d", "e");
    const target = new FakeTarget();
    await node.join("s", target);
    expect(target.gaps).toMatchObject([
      { reason: "trimmed", asked: { offset: "1" }, resumes: { offset: "3" } },
    ]);
    expect(target.texts).toEqual(["d/1", "e/1"]);
    await node.publish("f");
    expect(target.gaps).toHaveLength(1);
  });

  it("gets every message, in order, whatever moves between nodes and whatever is settled when", async () => {
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.constant("publish" as const) },
      { weight: 4, arbitrary: fc.constant("settle" as const) },
      { weight: 1, arbitrary: fc.constant("move" as const) },
      { weight: 1, arbitrary: fc.constant("wait" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), fc.nat(), async (actions, seed) => {
        const url = `memory:${randomUUID()}`;
        const clock = new FakeClock();
        const nodes: readonly [DeliveryNode, DeliveryNode] = [
          await DeliveryNode.open({ ackTimeoutMs: ACK_MS, maxDeliveries: 1_000 }, { url, clock }),
          await DeliveryNode.open({ ackTimeoutMs: ACK_MS, maxDeliveries: 1_000 }, { url, clock }),
        ];
        const [even, odd] = nodes;
        const at = (i: number): DeliveryNode => (i % 2 === 0 ? even : odd);
        let moves = 0;
        let published = 0;
        let target = new FakeTarget();
        target.maxInFlight = 3;
        let opened = await at(moves).join("s", target);
        const handled: string[] = [];
        const handle = async (isAll: boolean): Promise<void> => {
          const open = target.got.filter(({ message }) => !handled.includes(message.id));
          const some = isAll ? open : open.slice(0, 1 + (seed % 3));
          for (const { message } of some)
            if (!handled.includes(message.id)) handled.push(message.id);
          for (const { message } of isAll ? target.got : some) {
            opened.consumer.ack([message.position.offset], message.position.epoch);
          }
          await at(moves).settle();
        };
        for (const each of actions) {
          if (each === "publish") await at(moves + published).publish(String(++published));
          if (each === "settle") await handle(false);
          if (each === "wait") await at(moves).advance(ACK_MS * 2);
          if (each === "move") {
            target = new FakeTarget();
            target.maxInFlight = 3;
            opened = await at(++moves).join("s", target);
          }
          for (const node of nodes) node.deliveries.news("orders");
          await at(moves).settle();
        }
        for (let i = 0; i < 200 && handled.length < published; i++) {
          await handle(true);
          await at(moves).advance(ACK_MS);
        }
        expect(handled).toEqual(Array.from({ length: published }, (_, i) => String(i + 1)));
        for (const node of nodes) await node.deliveries.close();
      }),
      { numRuns: 60 },
    );
  });
});
