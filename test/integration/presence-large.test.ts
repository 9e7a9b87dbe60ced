import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Connection } from "../../src/backend/connection.ts";
import { FleetStats } from "../../src/backend/fleet-stats.ts";
import { ChannelPresence } from "../../src/backend/presence/channel-presence.ts";
import { Presence } from "../../src/backend/presence/presence.ts";
import { Outbox } from "../../src/backend/outbox.ts";
import { systemClock } from "../../src/core/clock.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { systemRandom } from "../../src/core/random.ts";
import { openNode } from "../support/brokers.ts";
import { startRedis } from "../support/redis.ts";
import { whenDone } from "../support/when-done.ts";

const MEMBERS = 100_000;
const PAGE = 10_000;
const CHANNEL = "stadium";
const PATIENCE_MS = 60_000;

/** As a store knows them. */
const nodes: string[] = [];

async function startPresence(url: string): Promise<Presence> {
  const { bus } = await openNode(url);
  const id = randomUUID();
  nodes.push(id);
  const outbox = new Outbox({
    bus,
    maxMessages: 10_000,
    maxBytes: 32 * 2 ** 20,
    clock: systemClock,
    random: systemRandom,
    onChange: () => undefined,
  });
  whenDone(() => outbox.close());
  const presence = new Presence({
    origin: `${id}~1`,
    bus,
    leaseMs: 10_000,
    graceMs: 10_000,
    clock: systemClock,
    logger: silentLogger,
    stats: new FleetStats(),
    send: (message) => outbox.push(message),
    isHearing: () => true,
    nodes: () => nodes,
  });
  bus.listen({
    received: (channel, payload) => void presence.receive(channel, payload),
    interrupted: () => undefined,
    restored: () => undefined,
  });
  await presence.start();
  whenDone(() => presence.close());
  return presence;
}

/** Presence asks no more of a connection than who it is. */
function connection(i: number): Connection {
  const user = `user-${String(i).padStart(6, "0")}`;
  const said: Pick<Connection, "user" | "session"> = { user, session: user };
  return said as Connection;
}

describe("a channel with 100,000 members", () => {
  it(
    "is listed page by page, and counted, on a node that has just come",
    async () => {
      const { url } = await startRedis();
      const old = await startPresence(url);
      for (let i = 0; i < MEMBERS; i++) old.join(connection(i), CHANNEL, { seat: i });
      const young = new ChannelPresence(CHANNEL, (await startPresence(url)).watches);
      expect(await young.count()).toBe(MEMBERS);
      const ids: string[] = [];
      let page = await young.members({ limit: PAGE });
      while (page.length > 0) {
        expect(page.length).toBeLessThanOrEqual(PAGE);
        ids.push(...page.map(({ id }) => id));
        page = await young.members({ limit: PAGE, after: ids.at(-1) ?? "" });
      }
      expect(ids).toEqual(Array.from({ length: MEMBERS }, (_, i) => connection(i).user));
    },
    PATIENCE_MS,
  );
});
