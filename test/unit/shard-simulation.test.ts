import { expect, it } from "vitest";
import type { ShardKind } from "../../src/backend/shards/shard-options.ts";
import { LEASE_MS, World, type SimulatedNode } from "../support/shard-simulation.ts";

/** `RINGWAY_HISTORIES=10000 npx vitest run test/unit/shard-simulation.test.ts` for a long run. */
const HISTORIES = Number(process.env["RINGWAY_HISTORIES"] ?? 150);
const FIRST_SEED = Number(process.env["RINGWAY_SEED"] ?? 1);
const IDS = ["a", "b", "c", "d", "e"];
const KEYS = ["k0", "k1", "k2", "k3", "m4", "m5", "z6", "z7"];
const KINDS: readonly ShardKind[] = [
  { by: "hash" },
  { by: "range", boundaries: ["m", "z"] },
  { by: "directory" },
];
const TURNS = 12;

/** What happened, and who acted as an owner of what. */
class History {
  readonly world: World;
  readonly #seed: number;
  readonly #kind: ShardKind;
  readonly #log: string[] = [];
  /** Of each epoch and key. */
  readonly #owners = new Map<string, string>();
  readonly #leaving = new Set<SimulatedNode>();
  readonly #replaced = new Set<SimulatedNode>();
  #incarnations = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.world = new World(seed);
    this.#kind = KINDS[seed % KINDS.length] ?? { by: "hash" };
  }

  readonly check = (): void => {
    for (const key of KEYS) {
      const owners = this.world.nodes.filter(({ sharding }) => sharding.channels.isLocal(key));
      if (owners.length > 1) this.#fail(`two owners of ${key}: ${names(owners)}`);
      for (const node of owners) this.#checkEpoch(node, key);
    }
  };

  /** Some turns of things that happen to nodes. */
  async disturb(): Promise<void> {
    for (let i = 0; i < 3; i++) this.#start(IDS[i] ?? "");
    for (let turn = 0; turn < TURNS; turn++) {
      await this.world.run(this.world.random.fraction() * LEASE_MS * 0.8, this.check);
      this.#disturbOnce();
    }
  }

  /** All that can end well does; then a lease passes. */
  async settle(): Promise<void> {
    for (const node of this.#replaced) this.world.crash(node);
    const staying = (): SimulatedNode[] =>
      this.world.nodes.filter((node) => !this.#leaving.has(node) && !node.isGone);
    if (staying().length === 0) this.#start("f");
    for (const node of this.world.nodes) {
      node.isCut = false;
      if (node.isPaused) node.resume();
    }
    this.#log.push("settle");
    await this.world.run(LEASE_MS, this.check);
    for (const key of KEYS) {
      const views = new Set(staying().map(({ sharding }) => sharding.channels.ownerOf(key)));
      const owners = staying().filter(({ sharding }) => sharding.channels.isLocal(key));
      if (views.size !== 1) this.#fail(`${key} belongs to ${[...views].join(" or ")}`);
      if (owners.length !== 1) this.#fail(`${key} is owned by ${owners.length} nodes`);
    }
  }

  #disturbOnce(): void {
    const { random, nodes, timeline } = this.world;
    const node = random.pick(nodes.filter((other) => !this.#replaced.has(other)));
    const absent = IDS.filter((id) => !nodes.some((other) => other.id === id));
    const what = random.below(8);
    const time = (): number => random.fraction() * LEASE_MS * 2;
    if (what === 0 || node === undefined) {
      const id = random.pick(absent);
      if (id !== undefined) this.#start(id);
    } else if (what === 1) {
      this.#say(`crash ${node.id}`);
      this.world.crash(node);
    } else if (what === 2) {
      this.#say(`crash and restart ${node.id}`);
      this.world.crash(node);
      this.#start(node.id);
    } else if (what === 3) {
      this.#say(`pause ${node.id}`);
      node.isPaused = true;
      timeline.at(timeline.nowMs + time(), () => node.resume());
    } else if (what === 4) {
      this.#say(`cut ${node.id}`);
      node.isCut = true;
      timeline.at(timeline.nowMs + time(), () => (node.isCut = false));
    } else if (what === 5) {
      this.#say(`leave ${node.id}`);
      this.#leaving.add(node);
      void node.sharding.leave().then(() => {
        if (!node.isGone) this.world.crash(node);
      });
    } else if (what === 6) {
      this.#takeOver(node);
    } else {
      this.#edit(node);
    }
  }

  /** A process is taken for dead and started anew; the old one goes on for a while. */
  #takeOver(node: SimulatedNode): void {
    const { random, timeline } = this.world;
    this.#say(`take over ${node.id}`);
    this.#leaving.add(node);
    this.#replaced.add(node);
    if (random.fraction() < 0.5) node.isPaused = true;
    const passMs = random.fraction() * LEASE_MS * 0.2;
    timeline.at(timeline.nowMs + passMs, () => node.resume());
    timeline.at(timeline.nowMs + passMs + random.fraction() * 1_000, () => this.world.crash(node));
    this.#start(node.id);
  }

  #edit({ id, sharding: { channels } }: SimulatedNode): void {
    const { random } = this.world;
    const key = random.pick(KEYS) ?? "";
    this.#say(`edit ${key} at ${id}`);
    const failed = (): void => undefined; // the store may be away
    if (this.#kind.by === "directory") channels.assign(key, random.pick(IDS)).catch(failed);
    if (this.#kind.by !== "range") return;
    if (random.fraction() < 0.5) channels.split(key).catch(failed);
    else channels.merge(key).catch(failed);
  }

  #start(id: string): void {
    this.#say(`start ${id} (${++this.#incarnations})`);
    this.world.start(id, this.#kind);
  }

  #checkEpoch({ id, sharding }: SimulatedNode, key: string): void {
    const act = `${sharding.epoch} ${key}`;
    const owner = this.#owners.get(act) ?? id;
    this.#owners.set(act, owner);
    if (owner !== id)
      this.#fail(`in epoch ${sharding.epoch} ${key} was owned by ${owner} and ${id}`);
  }

  #say(what: string): void {
    this.#log.push(`${this.world.timeline.nowMs.toFixed(0)} ${what}`);
  }

  #fail(what: string): never {
    const at = this.world.timeline.nowMs.toFixed(0);
    throw new Error(`seed ${this.#seed}, at ${at} ms: ${what}\n${this.#log.join("\n")}`);
  }
}

function names(nodes: readonly SimulatedNode[]): string {
  return nodes.map(({ id, sharding }) => `${id} in epoch ${sharding.epoch}`).join(", ");
}

it(
  "never has two owners, and owns every key again within a lease after things settle",
  async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) {
      const history = new History(seed);
      await history.disturb();
      await history.settle();
    }
    expect(HISTORIES).toBeGreaterThan(0);
  },
  HISTORIES * 1_000,
);
