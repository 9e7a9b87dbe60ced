import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { KafkaMock } from "./kafka-mock.js";
import { natsServer, redisServer } from "./servers.js";

const NAMESPACE = "history";
/** Those that the fleet's topics have where it may create them; the mock makes fewer by itself. */
const PARTITIONS = 16;

/**
 * Starts what a fleet needs, under a directory of its own.
 *
 * @returns `options` for `joinFleet`; `redisUrl` for the edges' sessions, if there is one; and what can
 *   be struck: `broker`, `store`, `members`
 */
export async function startBroker(kind, { directory, onCrash }) {
  const own = join(directory, kind);
  await mkdir(own);
  return STARTS[kind]({ directory: own, onCrash });
}

const STARTS = {
  memory: () => Promise.resolve({ options: { broker: "memory:", namespace: NAMESPACE } }),
  async redis(options) {
    const { program: broker, url } = await redisServer(options);
    await broker.start();
    return { broker, redisUrl: url, options: { broker: url, namespace: NAMESPACE } };
  },
  async nats(options) {
    const { program: broker, url } = await natsServer(options);
    await broker.start();
    return { broker, options: { broker: url, namespace: NAMESPACE } };
  },
  async kafka(options) {
    const members = await KafkaMock.start(options.directory);
    for (const topic of ["bus", "log"]) {
      await members.createTopic(`${NAMESPACE}.${topic}`, PARTITIONS);
    }
    const { program: store, url } = await redisServer(options, "store");
    await store.start();
    const urls = { broker: members.url, store: url };
    return { members, store, redisUrl: url, options: { ...urls, namespace: NAMESPACE } };
  },
};
