import { randomUUID } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { requireFace } from "../../src/backend/broker/broker.ts";
import { REPLACES } from "../../src/backend/broker/nats-chain.ts";
import type { Store, StoreEntry } from "../../src/backend/broker/store.ts";
import { brokerServers, openNode } from "../support/brokers.ts";
import { startNatsCluster } from "../support/nats.ts";
import { until } from "../support/until.ts";
import { endLasting, whenDone } from "../support/when-done.ts";

const SETUP_MS = 60_000;
const ROUNDS = 20;
const WRITERS = 8;

/** What stores and cursors have in common. */
interface Versioned {
  get(key: string): Promise<StoreEntry | undefined>;
  write(key: string, value: string, expected: string | undefined): Promise<string | undefined>;
}

interface Faces {
  readonly store: Versioned & Pick<Store, "remove">;
  readonly cursors: Versioned;
}
const faces = ["store", "cursors"] as const;

async function open(url: string): Promise<Faces> {
  const node = await openNode(url);
  const store = requireFace(node, "store", "this test");
  return {
    store: {
      get: async (key) => (await store.read(key)).get(key),
      write: (...args) => store.write(...args),
      remove: (...args) => store.remove(...args),
    },
    cursors: requireFace(node, "cursors", "this test"),
  };
}

let key: string;
beforeEach(() => {
  key = `race.${randomUUID()}`;
});
afterAll(endLasting);

describe.each(brokerServers.filter(({ hasStore }) => hasStore))("a race on $name", ({ start }) => {
  let one: Faces;
  let other: Faces;
  beforeAll(async () => {
    const url = await start();
    one = await open(url);
    other = await open(url);
  }, SETUP_MS);

  it.each(faces)("is won by one of all who write over one version in the %s", async (face) => {
    let version: string | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const values = Array.from({ length: WRITERS }, (_, i) => `${round}/${i}`);
      const written = await Promise.all(
        values.map((value, i) => (i % 2 === 0 ? one : other)[face].write(key, value, version)),
      );
      const won = written.flatMap((now, i) => (now === undefined ? [] : { i, version: now }));
      expect(won).toHaveLength(1);
      version = won[0]?.version;
      const winner = { value: values[won[0]?.i ?? -1], version };
      for (const node of [one, other]) expect(await node[face].get(key)).toMatchObject(winner);
    }
  });

  it("is won by either a removal or a write, or another writer", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const version = await one.store.write(key, "held", undefined);
      const [removed, ...written] = await Promise.all([
        one.store.remove(key, version ?? ""),
        other.store.write(key, "a", version),
        one.store.write(key, "b", version),
      ]);
      const won = [...(removed ? [undefined] : []), ...written.filter((now) => now !== undefined)];
      expect(won).toHaveLength(1);
      const held = await other.store.get(key);
      expect(held?.version).toBe(won[0]);
      if (held !== undefined) expect(await one.store.remove(key, held.version)).toBe(true);
    }
  });
});

describe("a NATS cluster where writers died before they knew that they had lost", () => {
  let url: string;
  beforeAll(async () => {
    ({ url } = await startNatsCluster());
  }, SETUP_MS);

  /** As a store writes, but without a look at what became of it. */
  async function publishAtOnce(subject: string, expected: string): Promise<string[]> {
    const connections = await Promise.all([connectTo(url), connectTo(url)]);
    const writes = Array.from({ length: WRITERS }, (_, i) =>
      jetstream(connections[i % 2] ?? fail()).publish(subject, String(i), {
        headers: replacing(expected),
        expect: { lastSubjectSequence: Number(expected) },
      }),
    );
    const stored = await Promise.allSettled(writes);
    return stored
      .flatMap((result) => (result.status === "fulfilled" ? [result.value.seq] : []))
      .sort((a, b) => a - b)
      .map(String);
  }

  async function connectTo(servers: string): ReturnType<typeof connect> {
    const connection = await connect({ servers: servers.slice("nats://".length).split(",") });
    whenDone(() => connection.close());
    return connection;
  }

  it.each([
    ["store", "test.store."],
    ["cursors", "test.cursor."],
  ] as const)("counts the first of them, and goes on from it, in the %s", async (face, prefix) => {
    const { [face]: one } = await open(url);
    const { [face]: other } = await open(url);
    const subject = prefix + key.replaceAll(".", "%");
    let version = await one.write(key, "first", undefined);
    let stored: string[] = [];
    await until("several are stored over one version", async () => {
      stored = await publishAtOnce(subject, version ?? "");
      if (stored.length < 2) version = stored[0];
      return stored.length >= 2;
    });
    const [first] = stored;
    // The last that is stored is not the winner; nobody has read it yet.
    const next = await other.write(key, "next", first);
    expect(next).toBeDefined();
    expect(await one.get(key)).toEqual({ value: "next", version: next });

    await until("several are stored over one version again", async () => {
      stored = await publishAtOnce(subject, (await one.get(key))?.version ?? "");
      return stored.length >= 2;
    });
    expect((await other.get(key))?.version).toBe(stored[0]);
  });

  it("still serves from streams that keep one message of each subject", async () => {
    const manager = await jetstreamManager(await connectTo(url));
    for (const [name, subjects] of [
      ["old_store", "old.store.>"],
      ["old_cursors", "old.cursor.*"],
    ] as const) {
      await manager.streams.add({
        name,
        subjects: [subjects],
        max_msgs_per_subject: 1,
        num_replicas: 3,
      });
    }
    const warnings: string[] = [];
    const logger = {
      debug() {},
      info() {},
      warn: (text: string) => warnings.push(text),
      error() {},
    };
    const node = await openNode(url, { namespace: "old", logger });
    const store = requireFace(node, "store", "this test");
    const first = await store.write(key, "1", undefined);
    const second = await store.write(key, "2", first);
    expect(await store.write(key, "x", first)).toBeUndefined();
    expect(await store.read(key)).toEqual(new Map([[key, { value: "2", version: second }]]));
    expect(await store.remove(key, second ?? "")).toBe(true);
    expect(await store.write(key, "3", undefined)).toBeDefined();
    expect(warnings.filter((text) => text.includes("too few messages"))).toHaveLength(2);
  });
});

function replacing(version: string): ReturnType<typeof headers> {
  const found = headers();
  found.set(REPLACES, version);
  return found;
}

function fail(): never {
  throw new Error("unreachable");
}
