import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { startNode } from "../support/node.ts";
import { until } from "../support/until.ts";

const ROOM = 500;
const BUFFERED = 256 * 1024;
const TEXT = "x".repeat(4_096);
/** The kernel's buffers of a connection, which fill first, take a few megabytes. */
const MAX_MESSAGES = 5_000;
const AT_ONCE = 10;

describe.each(["drop", "close"] as const)("a client that does not read, with slow: %s", (slow) => {
  it("holds up nobody in its room, and never more than its limit waits for it", async () => {
    const metrics = new Registry();
    const limits = { bufferedBytes: BUFFERED };
    const node = await startNode({ broker: `memory:${slow}`, slow, limits, metrics });
    const clients = await Promise.all(Array.from({ length: ROOM }, () => node.connect()));
    await Promise.all(clients.map(({ connection }) => connection.join("room")));
    const [stuck, ...others] = clients;
    if (stuck === undefined) throw new Error("no client");
    stuck.socket.pause();
    // Counting is enough for the others: to keep all texts would take 10 GB.
    const counts = others.map((client) => {
      const count = { messages: 0 };
      client.socket.removeAllListeners("message");
      client.socket.on("message", () => count.messages++);
      return count;
    });

    const room = node.fleet.channel("room");
    let most = 0;
    let sent = 0;
    let text = "";
    while (!/ringway_fleet_messages_dropped_total [1-9]/.test(text)) {
      expect(sent).toBeLessThan(MAX_MESSAGES);
      for (let i = 0; i < AT_ONCE; i++) await room.publish(TEXT);
      sent += AT_ONCE;
      await until("the others have it", () => counts.every(({ messages }) => messages === sent));
      most = Math.max(most, stuck.connection.bufferedBytes);
      text = await metrics.metrics();
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(BUFFERED);

    const closed = new Promise<number>((resolve) => stuck.socket.once("close", resolve));
    stuck.socket.resume();
    if (slow === "close") {
      expect(await closed).toBe(1013);
      expect(text).toContain("ringway_fleet_slow_closes_total 1");
    } else {
      // It has missed messages, and none came in pieces.
      await until("it reads again", async () => {
        await room.publish("end");
        return stuck.got.includes("end");
      });
      expect(stuck.got.filter((got) => got === TEXT).length).toBeLessThan(sent);
      expect(new Set(stuck.got)).toEqual(new Set([TEXT, "end"]));
    }
  }, 120_000);
});
