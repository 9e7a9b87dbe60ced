import { createHash } from "node:crypto";
import { makeFaults } from "./fault-plan.js";
import { CLIENT_PROCESSES, makePopulation } from "./population.js";

/** What there is to strike with each broker. In memory there is one node, and its end is the log's. */
const FLEETS = {
  memory: { nodes: 1, targets: {} },
  redis: { nodes: 3, targets: { node: 3, broker: 1 } },
  nats: { nodes: 3, targets: { node: 3, broker: 1 } },
  kafka: { nodes: 3, targets: { node: 3, member: 3, store: 1 } },
};
const EDGES = 2;
/** Runs shorter than this get their faults one after the other. */
const SHORT_MS = 120_000;

export const brokers = Object.keys(FLEETS);

/** All of a run that chance decides: a function of the seed, the broker and the length, nothing else. */
export function makePlan({ seed, broker, faultsMs }) {
  const { nodes, targets } = FLEETS[broker];
  const population = makePopulation({ seed, nodes, faultsMs });
  const clients = population.sessions.length - nodes;
  const everyMs = faultsMs < SHORT_MS ? [500, 2_000] : [3_000, 10_000];
  const faults = makeFaults({
    seed,
    faultsMs,
    everyMs,
    targets: {
      ...targets,
      edge: EDGES,
      clients: CLIENT_PROCESSES,
      client: clients,
      connection: clients,
    },
  });
  const size = { nodes, edges: EDGES, clients, clientProcesses: CLIENT_PROCESSES };
  return { seed, broker, faultsMs, ...size, ...population, faults };
}

/** The same for the same plan, to see that a run is another's repetition. */
export function digestOf(plan) {
  return createHash("sha256").update(JSON.stringify(plan)).digest("hex").slice(0, 16);
}
