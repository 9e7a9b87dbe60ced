import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "../../src/backend/message.ts";
import { brokerServers } from "../support/brokers.ts";
import { startNode, type FleetClient, type FleetNode } from "../support/node.ts";
import { until } from "../support/until.ts";
import { endLasting } from "../support/when-done.ts";

const SETUP_MS = 60_000;
const NODES = 3;
const CLIENTS = 300;
const CHANNELS = 50;
const PUBLISHES = 20_000;
const JOINED = 5;

afterAll(endLasting);

describe.each(brokerServers)("a fleet on $name", ({ start }) => {
  let nodes: FleetNode[] = [];
  beforeAll(async () => {
    const broker = await start();
    nodes = await Promise.all(Array.from({ length: NODES }, () => startNode({ broker })));
  }, SETUP_MS);

  it("gives each subscriber each message once, in the order of its publisher", async () => {
    const clients: { client: FleetClient; channels: readonly string[] }[] = [];
    for (let i = 0; i < CLIENTS; i++) {
      const client = await nodeAt(i).connect();
      const channels = Array.from({ length: JOINED }, (_, j) => nameOf(i * 7 + j * 11));
      await Promise.all(channels.map((channel) => client.connection.join(channel)));
      clients.push({ client, channels });
    }
    const heard = new Map<string, string[]>();
    const subscriptions = await Promise.all(
      Array.from({ length: CHANNELS }, async (_, i) => {
        const got: string[] = [];
        heard.set(nameOf(i), got);
        const onMessage = ({ data }: Message): unknown => got.push(data as string);
        return nodeAt(i).fleet.channel(nameOf(i)).subscribe(onMessage);
      }),
    );

    const published = new Map<string, string[]>();
    let seed = 1;
    for (let i = 0; i < PUBLISHES; i++) {
      seed = (seed * 48_271) % 2_147_483_647;
      const [node, channel] = [seed % NODES, nameOf(seed >> 4)];
      const text = `${node} ${channel} ${i}`;
      published.set(channel, [...(published.get(channel) ?? []), text].slice(-PUBLISHES));
      await nodeAt(node).fleet.channel(channel).publish(text);
    }

    const wantedOf = (channel: string): string[] => published.get(channel) ?? [];
    await until("all messages arrive", () =>
      clients.every(
        ({ client, channels }) =>
          client.got.length >= channels.reduce((sum, name) => sum + wantedOf(name).length, 0),
      ),
    );
    await until("server-side subscribers have them too", () =>
      [...heard].every(([channel, got]) => got.length >= wantedOf(channel).length),
    );
    for (const { client, channels } of clients) {
      for (const channel of channels) {
        const got = client.got.filter((text) => text.split(" ")[1] === channel);
        expectPublished(got, wantedOf(channel));
      }
    }
    for (const [channel, got] of heard) expectPublished(got, wantedOf(channel));
    for (const subscription of subscriptions) await subscription.end();
  }, 120_000);

  /** Once each, and those of each publisher in order. */
  function expectPublished(got: readonly string[], wanted: readonly string[]): void {
    const from = (list: readonly string[], node: number): string[] =>
      list.filter((text) => text.startsWith(`${node} `));
    expect(got).toHaveLength(wanted.length);
    for (let node = 0; node < NODES; node++) expect(from(got, node)).toEqual(from(wanted, node));
  }

  function nodeAt(i: number): FleetNode {
    const node = nodes[i % NODES];
    if (node === undefined) throw new Error("not started");
    return node;
  }
});

function nameOf(i: number): string {
  return `room:${i % CHANNELS}`;
}
