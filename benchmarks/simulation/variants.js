import { policies } from "../../dist/policy/index.js";
import { MAX_LOAD } from "./model.js";
import { ModuloPolicy } from "./modulo-policy.js";

const bounded = (random) => policies.ring({ random, maxLoad: MAX_LOAD });
const plain = (name) => (random) => policies[name]({ random, maxLoad: undefined });

/** Drains are spread, newcomers start slowly, handshakes are let in at a rate, clients jitter. */
const PACED = { spreads: true, admits: true, jitters: true };
const NOT_PACED = { spreads: false, admits: false, jitters: false };

/** What is held against each other. `stores`: all edges remember where a session was. */
export const VARIANTS = {
  ringway: { label: "Ringway: bounded ring, store", makePolicy: bounded, stores: true, ...PACED },
  ring: { label: "ring alone, no store", makePolicy: plain("ring"), stores: false, ...PACED },
  leastConnections: {
    label: "least connections, store",
    makePolicy: plain("least-connections"),
    stores: true,
    ...PACED,
  },
  modulo: {
    label: "modulo hashing",
    makePolicy: () => new ModuloPolicy(),
    stores: false,
    ...PACED,
  },
  roundRobin: {
    label: "round robin",
    makePolicy: plain("round-robin"),
    stores: false,
    ...PACED,
  },
  notPaced: {
    label: "Ringway without pacing",
    makePolicy: bounded,
    stores: true,
    ...NOT_PACED,
  },
};

/** Which part of the pacing does it: asked of a storm. */
export const PACINGS = {
  paced: { label: "paced: jitter and handshakesPerSecond", variant: VARIANTS.ringway },
  jitterOnly: {
    label: "jitter alone",
    variant: { ...VARIANTS.notPaced, jitters: true },
  },
  notPaced: { label: "neither", variant: VARIANTS.notPaced },
};
