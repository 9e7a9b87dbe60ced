import { Random } from "./random.js";

const CHANNELS = 6;
const CLIENTS = 24;
export const CLIENT_PROCESSES = 3;
const CLIENT_PER_SECOND = 4;
const NODE_PER_SECOND = 8;
/** Of all joins, one in so many comes while the run is under way. */
const LATE_ONE_IN = 8;

const AT_LEAST_ONCE = "at-least-once";
const AT_MOST_ONCE = "at-most-once";

/**
 * Who takes part, from the seed alone. Sessions, publishers and streams are named by their place in
 * their list. A stream is what one publisher says on one channel with one guarantee, counted from 1.
 */
export function makePopulation({ seed, nodes, faultsMs }) {
  const random = new Random(`population ${seed}`);
  const channels = Array.from({ length: CHANNELS }, (_, i) => `room:${i}`);
  const clients = Array.from({ length: CLIENTS }, (_, i) => ({
    name: `client-${i}`,
    process: i % CLIENT_PROCESSES,
    token: `history-run-${seed}-of-client-${i}`.padEnd(24, "_"),
    joins: clientJoins(random, faultsMs),
    // One handler in three fails now and then.
    failsEvery: i % 3 === 0 ? 10 : 0,
  }));
  const workers = Array.from({ length: nodes }, (_, node) => ({
    name: `worker-${node}`,
    node,
    joins: someChannels(random, 2).map((channel) => joinOf(channel, AT_LEAST_ONCE, 0)),
    failsEvery: 0,
  }));
  const publishers = [
    ...clients.map((_, client) => ({ client, perSecond: CLIENT_PER_SECOND })),
    ...workers.map(({ node }) => ({ node, perSecond: NODE_PER_SECOND })),
  ];
  const streams = publishers.flatMap((_, publisher) =>
    someChannels(random, 2).flatMap((channel) =>
      [AT_LEAST_ONCE, AT_MOST_ONCE].map((delivery) => ({ publisher, channel, delivery })),
    ),
  );
  return { channels, sessions: [...clients, ...workers], publishers, streams };
}

/** What a publisher says, without end: after how long, in which stream, how long it is. */
export function* publications({ seed, publishers, streams }, publisher, life) {
  const random = new Random(`publications ${seed} ${publisher} ${life}`);
  const own = streams.flatMap((stream, i) => (stream.publisher === publisher ? [i] : []));
  const { perSecond } = publishers[publisher];
  while (true) {
    const afterMs = (2_000 * random.fraction()) / perSecond;
    yield { afterMs, stream: random.pick(own), bytes: random.integer(0, 300) };
  }
}

function clientJoins(random, faultsMs) {
  const isLate = () => random.integer(1, LATE_ONE_IN) === 1;
  const atMs = () => (isLate() ? random.integer(0, Math.floor(faultsMs * 0.8)) : 0);
  return someChannels(random, 3).map((channel, i) =>
    joinOf(channel, i < 2 ? AT_LEAST_ONCE : AT_MOST_ONCE, atMs()),
  );
}

function joinOf(channel, delivery, atMs) {
  return { channel, delivery, atMs };
}

function someChannels(random, count) {
  const all = Array.from({ length: CHANNELS }, (_, i) => i);
  return random.shuffled(all).slice(0, count);
}
