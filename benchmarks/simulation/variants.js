import { policies } from "../../dist/policy/index.js";
import { ModuloPolicy } from "./modulo-policy.js";
import { MAX_LOAD } from "./model.js";

const bounded = (random) => policies.ring({ random, maxLoad: MAX_LOAD });

/**
 * What is held against each other. `stores`: sessions are remembered for all edges. `paces`: drains
 * are spread, newcomers start slowly, handshakes are let in at a rate, clients wait with jitter.
 */
export const VARIANTS = [
  { name: "Ringway: ring, store, paced", makePolicy: bounded, stores: true, paces: true },
  {
    name: "ring alone, no store",
    makePolicy: (random) => policies.ring({ random, maxLoad: undefined }),
    stores: false,
    paces: true,
  },
  { name: "modulo hashing", makePolicy: () => new ModuloPolicy(), stores: false, paces: true },
  {
    name: "round robin",
    makePolicy: (random) => policies["round-robin"]({ random, maxLoad: undefined }),
    stores: false,
    paces: true,
  },
  { name: "Ringway without pacing", makePolicy: bounded, stores: true, paces: false },
];
