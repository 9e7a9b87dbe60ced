import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startBroker } from "./brokers.js";
import { LEASE_MS } from "./fault-plan.js";
import { ForkedProgram } from "./forked-program.js";
import { nowMs } from "./monotonic.js";
import { freePort } from "./ports.js";
import { Relay } from "./relay.js";
import { edgeServer } from "./servers.js";

const NODE = new URL("node-process.js", import.meta.url);
const CLIENTS = new URL("client-process.js", import.meta.url);

export const ACK_TIMEOUT_MS = 3_000;

/** Small enough that faults reach every limit within a run; see docs/delivery.md. */
const FLEET = {
  delivery: { ackTimeoutMs: ACK_TIMEOUT_MS, maxInFlight: 50, storeWithinMs: 4_000 },
  presence: { graceMs: 3_000, leaseMs: LEASE_MS },
  limits: { bufferedBytes: 64 * 1024 },
  // Longer than a run, so that a gap is never right.
  retention: { messages: 1_000_000, ageMs: 86_400_000 },
};
const POOL = {
  policy: "ring",
  affinity: [{ token: { query: "session" } }],
  health: { path: "/", every: "500ms", timeout: "500ms", unhealthyAfter: 2, healthyAfter: 1 },
  keepalive: "2s",
  timeouts: { connect: "1s", handshake: "3s" },
};

/** All processes of a run: brokers, nodes, edges, clients, and the network before the edges. */
export class World {
  nodes = [];
  edges = [];
  clients = [];
  relay;
  /** What `startBroker` has started. */
  servers;
  isPublishing = false;
  /** On the clock of `nowMs`. */
  beganAtMs = 0;
  #plan;
  #directory;
  #onEvents;
  #lastNumbers;

  /**
   * @param onEvents gets what the processes see
   * @param lastNumbers says where publishers go on
   */
  constructor({ plan, directory, onEvents, lastNumbers }) {
    this.#plan = plan;
    this.#directory = directory;
    this.#onEvents = onEvents;
    this.#lastNumbers = lastNumbers;
  }

  /** Resolves when every client has joined its channels. */
  async start() {
    process.once("exit", this.#killAll);
    const { broker, nodes, edges, clientProcesses } = this.#plan;
    this.servers = await startBroker(broker, {
      directory: this.#directory,
      onCrash: this.#onCrash,
    });
    const ports = await Promise.all(Array.from({ length: nodes }, freePort));
    this.nodes = ports.map((port, i) => this.#node(i, port));
    await Promise.all(this.nodes.map((node) => node.start()));
    for (let i = 0; i < edges; i++) this.edges.push(await this.#edge(i, ports));
    await Promise.all(this.edges.map(({ program }) => program.start()));
    this.relay = await Relay.start(this.edges.map(({ port }) => port));
    this.clients = Array.from({ length: clientProcesses }, (_, i) => this.#client(i));
    this.beganAtMs = nowMs();
    await Promise.all(this.clients.map((program) => program.start()));
    await Promise.all(this.clients.map((program) => program.ask("joined")));
  }

  /** From now on the plan's times count. */
  begin() {
    this.beganAtMs = nowMs();
    this.isPublishing = true;
    return this.askAll("publish");
  }

  get elapsedMs() {
    return nowMs() - this.beganAtMs;
  }

  /** Starts it again, as it was. */
  async restart(program) {
    await program.start();
    if (this.isPublishing && this.publishers.includes(program)) await program.ask("publish");
  }

  get publishers() {
    return [...this.nodes, ...this.clients];
  }

  async stopPublishing() {
    this.isPublishing = false;
    await this.askAll("stop publishing");
  }

  /** @returns the answers of all nodes and client processes */
  askAll(name) {
    return Promise.all(this.publishers.map((program) => program.ask(name)));
  }

  /** Ends all that was started, whatever has become of it. */
  async close() {
    await Promise.all(this.#killAll());
    process.off("exit", this.#killAll);
    await this.relay?.close();
  }

  /** Sends the signals before it returns: nothing may outlive this process. */
  #killAll = () => {
    const { broker, store, members } = this.servers ?? {};
    const edges = this.edges.map(({ program }) => program);
    const programs = [...this.clients, ...this.nodes, ...edges, broker, store, members];
    return programs.map((program) => program?.kill());
  };

  #node(index, port) {
    const plan = this.#plan;
    const fleetOptions = { id: `node-${index}`, ...FLEET, ...this.servers.options };
    return this.#forked(`node-${index}`, NODE, (life) => {
      return { plan, index, life, port, fleetOptions, lastNumbers: this.#lastNumbers() };
    });
  }

  #client(index) {
    const plan = this.#plan;
    const url = `ws://127.0.0.1:${this.relay.port}/`;
    return this.#forked(`clients-${index}`, CLIENTS, (life) => {
      const { elapsedMs } = this;
      return { plan, index, life, url, elapsedMs, lastNumbers: this.#lastNumbers() };
    });
  }

  #onCrash = (message) => this.#onEvents([{ type: "error", message, at: nowMs() }]);

  #forked(name, file, settings) {
    return new ForkedProgram({
      name,
      file: file.pathname,
      settings,
      logFile: join(this.#directory, `${name}.log`),
      onEvents: this.#onEvents,
      onCrash: this.#onCrash,
    });
  }

  async #edge(index, nodePorts) {
    const { redisUrl } = this.servers;
    const name = `edge-${index}`;
    const port = await freePort();
    const backends = nodePorts.map((node, i) => ({
      id: `node-${i}`,
      url: `http://127.0.0.1:${node}`,
    }));
    const configFile = join(this.#directory, `${name}.json`);
    const config = {
      listeners: [{ address: `127.0.0.1:${port}` }],
      routes: [{ pool: "fleet" }],
      pools: { fleet: { ...POOL, backends } },
      sessions: redisUrl === undefined ? { store: "memory" } : { store: "redis", url: redisUrl },
      secret: "the same for both edges of a run",
    };
    await writeFile(configFile, JSON.stringify(config));
    return edgeServer({
      ...{ name, port, configFile },
      directory: this.#directory,
      onCrash: this.#onCrash,
    });
  }
}
