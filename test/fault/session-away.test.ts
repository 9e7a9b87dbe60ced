import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { brokerServers } from "../support/brokers.ts";
import { startClientNode } from "../support/client-node.ts";
import { startRedis } from "../support/redis.ts";
import { openClient } from "../support/scripted-client.ts";
import { until } from "../support/until.ts";

const MESSAGES = 10_000;
const PATIENCE_MS = 120_000;
const delivery = "at-least-once";

const servers = brokerServers.filter(({ name }) => ["Redis", "NATS", "Kafka"].includes(name));

describe.each(servers)(
  "a client that is away while 10,000 messages pass on $name",
  ({ start, hasStore }) => {
    it(
      "gets all of them at another node, in order, once",
      async () => {
        const broker = await start();
        const store = hasStore ? {} : { store: (await startRedis()).url };
        const retention = { messages: 2 * MESSAGES };
        const options = { broker, ...store, retention, limits: { queuedMessages: 2 * MESSAGES } };
        const [here, there] = [await startClientNode(options), await startClientNode(options)];
        const session = randomUUID();
        const before = openClient(here.url, { session });
        await before.channel("room").join({ delivery });
        await before.close();

        const room = here.fleet.channel("room");
        const sent = Array.from({ length: MESSAGES }, (_, i) => i);
        await Promise.all(sent.map((number) => room.publish({ number }, { delivery })));

        const again = openClient(there.url, { session });
        const got: number[] = [];
        const gaps: unknown[] = [];
        again.on("gap", (gap) => gaps.push(gap));
        again.channel("room").on("message", ({ data }) => {
          got.push((data as { number: number }).number);
        });
        await again.channel("room").join({ delivery });
        await until("all have come", () => got.length >= MESSAGES);
        expect(got).toEqual(sent);
        expect(gaps).toEqual([]);
      },
      PATIENCE_MS,
    );
  },
);
