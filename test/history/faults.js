import { setTimeout as pause } from "node:timers/promises";

const LEAVING_MS = 10_000;

/** Does to a world what the plan has for it, each fault at its time. */
export class Faults {
  /** `{ kind, target, atMs, tookMs }` of those that struck, and of those that found nobody. */
  struck = [];
  missed = [];
  #world;
  /** By whom they strike: one that takes longer than planned holds the next one up. */
  #underWay = new Map();

  constructor(world) {
    this.#world = world;
  }

  /** Resolves when the last one is over, and everything is up again. */
  async run(faults) {
    for (const fault of faults) {
      await pause(Math.max(0, fault.atMs - this.#world.elapsedMs));
      const struck = `${fault.strikes} ${fault.target}`;
      const before = this.#underWay.get(struck) ?? Promise.resolve();
      this.#underWay.set(
        struck,
        before.then(() => this.#strike(fault)),
      );
    }
    await Promise.all(this.#underWay.values());
  }

  async #strike(fault) {
    const atMs = this.#world.elapsedMs;
    const hasStruck = await KINDS[fault.kind](this.#world, fault);
    const { kind, target } = fault;
    const list = hasStruck === false ? this.missed : this.struck;
    list.push({ kind, target, atMs, tookMs: this.#world.elapsedMs - atMs });
  }
}

/** Each resolves when it is over; with `false` when there was nobody to strike. */
const KINDS = {
  "kill node": (world, { target, forMs }) => kill(world, world.nodes[target], forMs),
  async "node leaves and comes back"(world, { target, forMs }) {
    const node = world.nodes[target];
    node.mayEnd();
    // It has ended when the answer is due.
    const leaving = node.ask("close").catch(() => undefined);
    await Promise.race([Promise.all([leaving, node.ended()]), pause(LEAVING_MS)]);
    await kill(world, node, forMs);
  },
  "pause node": (world, { target, forMs }) => stop(world.nodes[target], forMs),
  "pause node over its lease": (world, { target, forMs }) => stop(world.nodes[target], forMs),
  "kill edge": (world, { target, forMs }) => kill(world, world.edges[target].program, forMs),
  "pause edge": (world, { target, forMs }) => stop(world.edges[target].program, forMs),
  "kill broker": (world, { forMs }) => kill(world, world.servers.broker, forMs),
  "pause broker": (world, { forMs }) => stop(world.servers.broker, forMs),
  async "stop one of the brokers"({ servers: { members } }, { target, forMs }) {
    await members.stop(target);
    await pause(forMs);
    await members.goOn(target);
  },
  "kill store": (world, { forMs }) => kill(world, world.servers.store, forMs),
  "pause store": (world, { forMs }) => stop(world.servers.store, forMs),
  "kill clients": (world, { target, forMs }) => kill(world, world.clients[target], forMs),
  "pause clients": (world, { target, forMs }) => stop(world.clients[target], forMs),
  "cut in mid-frame": ({ relay }, { target, ...cut }) => relay.cut(`client-${target}`, cut),
  async "stall the network"({ relay }, { target, forMs }) {
    if (!relay.stall(`client-${target}`, forMs)) return false;
    return pause(forMs);
  },
  "client stops reading": (world, fault) => hinder(world, "stop reading", fault),
  "client stops handling": (world, fault) => hinder(world, "stop handling", fault),
};

async function kill(world, program, forMs) {
  await program.kill();
  await pause(forMs);
  await world.restart(program);
}

async function stop(program, forMs) {
  program.stop();
  await pause(forMs);
  program.goOn();
}

async function hinder({ clients }, command, { target, forMs }) {
  const asked = clients.map((program) => program.ask(command, { client: target, forMs }));
  // Each process knows its own clients only; one that is killed just now can't answer.
  const answers = await Promise.all(asked.map((answer) => answer.catch(() => false)));
  if (!answers.includes(true)) return false;
  return pause(forMs);
}
