import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { brokerServers } from "../support/brokers.ts";
import { startNode, type FleetNode } from "../support/node.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const CHILD = fileURLToPath(new URL("../support/presence-node-child.js", import.meta.url));
const MEMBERS = 1_000;
const CHANNELS = Array.from({ length: 20 }, (_, i) => `room:${i}`);
const ALL = MEMBERS * CHANNELS.length;
const LEASE_MS = 2_000;
const PATIENCE_MS = 120_000;

interface ChildNode {
  readonly process: ChildProcess;
  join(user: string): Promise<WebSocket>;
}

async function startChild(broker: string, graceMs: number): Promise<ChildNode> {
  const options = { id: "child", broker, presence: { leaseMs: LEASE_MS, graceMs } };
  const child = fork(CHILD, [JSON.stringify(options), ...CHANNELS]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const [port] = (await once(child, "message")) as [number];
  return {
    process: child,
    async join(user) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/${user}?session=${user}`);
      socket.on("error", () => undefined);
      onTestFinished(() => socket.terminate());
      await once(socket, "message");
      return socket;
    },
  };
}

class Observer {
  readonly node: FleetNode;
  /** By event and channel: who it was, and how often. */
  readonly seen: Map<string, Map<string, number>> = new Map();

  constructor(node: FleetNode) {
    this.node = node;
  }

  async watch(): Promise<void> {
    for (const name of CHANNELS) {
      const { ready } = this.node.fleet.channel(name).presence.observe((event, { id }) => {
        const key = `${event} ${name}`;
        const ids = this.seen.get(key) ?? new Map<string, number>();
        this.seen.set(key, ids.set(id, (ids.get(id) ?? 0) + 1));
      });
      await ready;
    }
  }

  /** How many events of a kind there were. */
  count(event: string): number {
    let sum = 0;
    for (const [key, ids] of this.seen) {
      if (key.startsWith(event)) for (const times of ids.values()) sum += times;
    }
    return sum;
  }

  /** Whether none of them came twice for one member of one channel. */
  isOnceEach(event: string): boolean {
    return [...this.seen].every(
      ([key, ids]) => !key.startsWith(event) || [...ids.values()].every((times) => times === 1),
    );
  }

  async members(): Promise<number> {
    let sum = 0;
    for (const name of CHANNELS) sum += await this.node.fleet.channel(name).presence.count();
    return sum;
  }
}

async function startObservers(broker: string): Promise<Observer[]> {
  const presence = { leaseMs: LEASE_MS };
  const observers = await Promise.all(
    [1, 2].map(async () => new Observer(await startNode({ broker, presence }))),
  );
  await Promise.all(observers.map((observer) => observer.watch()));
  return observers;
}

async function joinAll(child: ChildNode): Promise<WebSocket[]> {
  const users = Array.from({ length: MEMBERS }, (_, i) => `user-${i}`);
  return Promise.all(users.map((user) => child.join(user)));
}

const servers = brokerServers.filter(({ name }) => ["Redis", "NATS"].includes(name));

describe.each(servers)("a node on $name with 1,000 members in 20 channels", ({ start }) => {
  it(
    "takes all of them along when it is killed, each once, on every other node",
    async () => {
      const broker = await start();
      const observers = await startObservers(broker);
      const child = await startChild(broker, 10_000);
      await joinAll(child);
      await until("all have joined", () => observers.every((one) => one.count("join") === ALL));
      child.process.kill("SIGKILL");
      await until("all have left", () => observers.every((one) => one.count("leave") >= ALL));
      for (const observer of observers) {
        expect(observer.count("leave")).toBe(ALL);
        expect(observer.isOnceEach("leave")).toBe(true);
        expect(await observer.members()).toBe(0);
      }
    },
    PATIENCE_MS,
  );

  it(
    "has them again, once each, when it was only paused",
    async () => {
      const broker = await start();
      const observers = await startObservers(broker);
      const child = await startChild(broker, 10_000);
      await joinAll(child);
      await until("all have joined", () => observers.every((one) => one.count("join") === ALL));
      child.process.kill("SIGSTOP");
      await until("all have left", () => observers.every((one) => one.count("leave") === ALL));
      await new Promise((resolve) => setTimeout(resolve, LEASE_MS));
      child.process.kill("SIGCONT");
      await until("all are back", () => observers.every((one) => one.count("join") >= 2 * ALL));
      for (const observer of observers) {
        expect(observer.count("join")).toBe(2 * ALL);
        expect(observer.count("leave")).toBe(ALL);
        expect(observer.count("update")).toBe(0);
        expect(await observer.members()).toBe(ALL);
        const [first] = await observer.node.fleet.channel("room:0").presence.members({ limit: 1 });
        expect(first?.connections).toHaveLength(1);
      }
    },
    PATIENCE_MS,
  );
});

describe("1,000 clients that all reconnect ten times within the grace time", () => {
  it(
    "have left nothing and joined nothing",
    async () => {
      const { url: broker } = await startRedis();
      const [observer] = await startObservers(broker);
      const child = await startChild(broker, 60_000);
      let sockets = await joinAll(child);
      await until("all have joined", () => observer?.count("join") === ALL);
      for (let round = 0; round < 10; round++) {
        await Promise.all(
          sockets.map(async (socket) => {
            socket.terminate();
            await once(socket, "close");
          }),
        );
        sockets = await joinAll(child);
      }
      const last = await child.join("last");
      await until("one more is told", () => observer?.count("join") === ALL + CHANNELS.length);
      last.close();
      expect(observer?.count("leave")).toBe(0);
      expect(observer?.count("update")).toBe(0);
      expect(await observer?.members()).toBe(ALL + CHANNELS.length);
    },
    PATIENCE_MS,
  );
});
