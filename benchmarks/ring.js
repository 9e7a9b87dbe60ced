// How long does the ring take to find a key's owner, and to take in a change of the fleet?
// Beside the package hashring, whose placement is the same. Run: npm run build && node benchmarks/ring.js
import HashRing from "hashring";
import { Ring } from "../dist/ring/ring.js";

const KEYS = Array.from({ length: 100_000 }, (_, i) => `session-${i}-abcdefgh`);
const ROUNDS = 7;

/** The median of some rounds, in milliseconds. */
function median(work) {
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

function row(servers) {
  const members = Array.from({ length: servers }, (_, i) => ({ id: `backend-${i}`, weight: 1 }));
  const more = [...members, { id: "newcomer", weight: 1 }];
  const ring = new Ring(members);
  const peer = () =>
    new HashRing(
      members.map(({ id }) => id),
      "md5",
      { "max cache size": 1 },
    );
  const hashring = peer();
  const perKey = 1000 / KEYS.length;
  return {
    servers,
    "look-up, µs": median(() => KEYS.forEach((key) => ring.ownerOf(key))) * perKey,
    "of hashring": median(() => KEYS.forEach((key) => hashring.get(key))) * perKey,
    "build, ms": median(() => new Ring(members)),
    "add one, ms": median(() => new Ring(more, ring)),
    "remove one, ms": median(() => new Ring(members.slice(1), ring)),
    "add one, of hashring": median(() => peer().add("newcomer")) - median(peer),
  };
}

const round = (value) => Number(value.toFixed(2));
console.log(`Node.js ${process.version}, median of ${ROUNDS} rounds, ${KEYS.length} keys`);
console.table(
  [10, 100, 1000].map((servers) =>
    Object.fromEntries(Object.entries(row(servers)).map(([name, value]) => [name, round(value)])),
  ),
);
