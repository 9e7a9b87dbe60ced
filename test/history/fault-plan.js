import { Random } from "./random.js";

/** Of members of a fleet in these runs. */
export const LEASE_MS = 4_000;

const SHORT_PAUSE = [300, LEASE_MS / 2];
const LONG_PAUSE = [LEASE_MS * 1.5, LEASE_MS * 2.5];
const AWAY = [300, 3_000];

/**
 * What can go wrong: whom it strikes, how long it takes, and how often it is drawn after each kind has
 * been drawn once.
 */
const KINDS = {
  "kill node": { strikes: "node", forMs: AWAY, weight: 4 },
  "node leaves and comes back": { strikes: "node", forMs: AWAY, weight: 1 },
  "pause node": { strikes: "node", forMs: SHORT_PAUSE, weight: 2 },
  "pause node over its lease": { strikes: "node", forMs: LONG_PAUSE, weight: 2 },
  "kill edge": { strikes: "edge", forMs: AWAY, weight: 2 },
  "pause edge": { strikes: "edge", forMs: SHORT_PAUSE, weight: 1 },
  "kill broker": { strikes: "broker", forMs: AWAY, weight: 3 },
  "pause broker": { strikes: "broker", forMs: SHORT_PAUSE, weight: 2 },
  "stop one of the brokers": { strikes: "member", forMs: AWAY, weight: 4 },
  "kill store": { strikes: "store", forMs: AWAY, weight: 2 },
  "pause store": { strikes: "store", forMs: SHORT_PAUSE, weight: 1 },
  "kill clients": { strikes: "clients", forMs: AWAY, weight: 2 },
  "pause clients": { strikes: "clients", forMs: SHORT_PAUSE, weight: 1 },
  "cut in mid-frame": { strikes: "connection", forMs: [0, 0], weight: 8 },
  "stall the network": { strikes: "connection", forMs: [500, 6_000], weight: 3 },
  "client stops reading": { strikes: "client", forMs: [500, 8_000], weight: 2 },
  "client stops handling": { strikes: "client", forMs: [500, 8_000], weight: 2 },
};

/**
 * The faults of a run, in order, each with its time. Two that strike the same do not overlap.
 *
 * @param targets how many of each there are to strike
 * @param everyMs the shortest and the longest time from one to the next
 */
export function makeFaults({ seed, targets, faultsMs, everyMs }) {
  const random = new Random(`faults ${seed}`);
  const kinds = Object.keys(KINDS).filter((kind) => (targets[KINDS[kind].strikes] ?? 0) > 0);
  const bag = kinds.flatMap((kind) => Array(KINDS[kind].weight).fill(kind));
  let drawn = random.shuffled(kinds);
  const busyUntilMs = new Map();
  const faults = [];
  for (let atMs = 0; ;) {
    atMs += random.integer(...everyMs);
    if (atMs >= faultsMs) return faults;
    if (drawn.length === 0) drawn = random.shuffled(bag);
    const kind = drawn.pop();
    const { strikes, forMs } = KINDS[kind];
    const fault = {
      atMs,
      kind,
      strikes,
      target: random.integer(0, targets[strikes] - 1),
      forMs: Math.round(random.integer(...forMs)),
      ...(kind === "cut in mid-frame" && cutOf(random)),
    };
    const struck = `${strikes} ${fault.target}`;
    if ((busyUntilMs.get(struck) ?? 0) > atMs) continue;
    // Who comes back needs a moment before it is worth striking again.
    busyUntilMs.set(struck, atMs + fault.forMs + 1_000);
    faults.push(fault);
  }
}

function cutOf(random) {
  return {
    towards: random.pick(["client", "edge"]),
    afterBytes: random.integer(1, 4_000),
    how: random.pick(["end", "reset"]),
  };
}
