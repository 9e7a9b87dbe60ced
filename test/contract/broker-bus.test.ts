import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Broker } from "../../src/backend/broker/broker.ts";
import { brokerServers, openNode } from "../support/brokers.ts";
import { until } from "../support/until.ts";
import { endLasting } from "../support/when-done.ts";

/** Names that brokers could take for something else: dots, slashes, prefixes of each other. */
const NAMES = [
  "a",
  "a.b",
  "a..b.",
  ".a",
  "a:b",
  "a/b",
  "room:1",
  "$a",
  "~=+!,@-_",
  "x".repeat(128),
];
const SETUP_MS = 60_000;

const PROBE = "is it heard?";

class Node {
  readonly broker: Broker;
  /** Others, from whose servers messages come. */
  peers: readonly Node[] = [];
  readonly got: (readonly [channel: string, text: string])[] = [];
  readonly #probed = new Set<string>();

  constructor(broker: Broker) {
    this.broker = broker;
    broker.bus.listen({
      received: (channel, payload) => {
        const text = payload.toString("latin1");
        if (text.startsWith(PROBE)) this.#probed.add(text);
        else this.got.push([channel, text]);
      },
      interrupted: () => undefined,
      restored: () => undefined,
    });
  }

  async hear(...channels: string[]): Promise<void> {
    await this.broker.bus.subscribe(channels);
    // Servers hear of subscriptions in their order: of the last one after all others.
    const last = channels.at(-1) ?? "";
    for (const [i, peer] of this.peers.entries()) {
      const probe = `${PROBE} ${i} ${randomUUID()}`;
      await until("the peer's server has heard of it", async () => {
        await peer.say(last, probe);
        return this.#probed.has(probe);
      });
    }
  }

  say(channel: string, ...texts: string[]): Promise<void> {
    return this.broker.bus.publish(
      texts.map((text) => ({ channel, payload: Buffer.from(text, "latin1") })),
    );
  }

  /** What has come on a channel before its own last message, which it hears as well. */
  async heard(channel: string, publisher: Node = this): Promise<string[]> {
    const mark = randomUUID();
    await publisher.say(channel, mark);
    const texts = (): string[] => this.got.filter(([name]) => name === channel).map(([, t]) => t);
    await until("the last message arrives", () => texts().includes(mark));
    return texts().filter((text) => text !== mark);
  }
}

afterAll(endLasting);

describe.each(brokerServers)("a bus on $name", ({ start, isHeardLater }) => {
  let a: Node;
  let b: Node;
  let foreign: Node;
  beforeAll(async () => {
    const url = await start();
    const open = async (namespace: string): Promise<Node> =>
      new Node(await openNode(url, { namespace }));
    [a, b, foreign] = await Promise.all([open("test"), open("test"), open("other")]);
    if (isHeardLater) [a.peers, b.peers] = [[b], [a]];
  }, SETUP_MS);

  it("brings a message to all who are subscribed, the publisher among them, whole", async () => {
    const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
    await Promise.all([a.hear("whole"), b.hear("whole")]);
    await a.say("whole", bytes, "");
    expect(await b.heard("whole", a)).toEqual([bytes, ""]);
    expect(await a.heard("whole")).toContain(bytes);
  });

  it("brings each message once", async () => {
    await b.hear("once");
    await b.hear("once");
    const texts = Array.from({ length: 500 }, (_, i) => String(i));
    for (const text of texts) await a.say("once", text);
    expect(await b.heard("once", a)).toEqual(texts);
  });

  it("keeps the order of a publisher on a channel", async () => {
    await b.hear("order");
    const texts = Array.from({ length: 5_000 }, (_, i) => String(i));
    for (let at = 0; at < texts.length; at += 100)
      await a.say("order", ...texts.slice(at, at + 100));
    expect(await b.heard("order", a)).toEqual(texts);
  });

  it("keeps channels apart whose names look alike", async () => {
    await b.hear(...NAMES);
    for (const name of NAMES) await a.say(name, `to ${name}`);
    for (const name of NAMES) expect(await b.heard(name, a)).toEqual([`to ${name}`]);
  });

  it("brings nothing to who has unsubscribed, and something again to who comes back", async () => {
    await b.hear("left", "kept");
    await b.broker.bus.unsubscribe(["left"]);
    await a.say("left", "unheard");
    await b.heard("kept", a);
    await b.hear("left");
    expect(await b.heard("left", a)).toEqual([]);
  });

  it("keeps namespaces apart", async () => {
    await Promise.all([b.hear("same"), foreign.hear("same")]);
    await a.say("same", "for a and b");
    expect(await b.heard("same", a)).toEqual(["for a and b"]);
    expect(await foreign.heard("same")).toEqual([]);
  });

  it("takes 1,000 channels at once", async () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `many:${i}`);
    await b.hear(...names);
    await a.broker.bus.publish(names.map((channel) => ({ channel, payload: Buffer.from("x") })));
    const came = (): number => b.got.filter(([name]) => name.startsWith("many:")).length;
    await until("all have come", () => came() >= names.length);
    expect(came()).toBe(names.length);
  });

  it("takes a message of 512 KiB", async () => {
    await b.hear("large");
    const large = "x".repeat(512 * 1024);
    await a.say("large", large);
    expect((await b.heard("large", a))[0] === large).toBe(true);
  });
});
