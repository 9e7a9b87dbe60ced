import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { freePort, startRedis, type RedisServer } from "./redis.ts";
import { until } from "./until.ts";

const run = promisify(execFile);

const NODES = 6;

export interface RedisCluster {
  /** `redis+cluster://127.0.0.1:port,…` with all nodes. */
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  /** Those of now; waits until all nodes that are up name the same. */
  primaries(): Promise<RedisServer[]>;
  /** The one that holds the key's slot. */
  primaryOf(key: string): Promise<RedisServer>;
}

/** A line of CLUSTER NODES. */
interface Member {
  readonly port: number;
  readonly isPrimary: boolean;
  readonly slots: readonly (readonly [number, number])[];
}

/** Three primaries with a replica each. */
export async function startCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: NODES }, startNode));
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await run("redis-cli", [
    ...["--cluster", "create", ...hosts],
    ...["--cluster-replicas", "1", "--cluster-yes"],
  ]);
  await Promise.all(nodes.map((node) => until(`${node.port} sees the Cluster`, () => isOk(node))));
  const primaries = async (): Promise<{ member: Member; server: RedisServer }[]> => {
    const members = await agreedMembers(nodes);
    return members.flatMap((member) => {
      const server = nodes.find(({ port }) => port === member.port);
      return member.isPrimary && server !== undefined ? [{ member, server }] : [];
    });
  };
  return {
    url: `redis+cluster://${hosts.join(",")}`,
    nodes,
    primaries: async () => (await primaries()).map(({ server }) => server),
    async primaryOf(key) {
      const [node] = nodes.filter(({ isUp }) => isUp);
      const slot = Number(await node?.cli("CLUSTER", "KEYSLOT", key));
      const holds = ({ slots }: Member): boolean =>
        slots.some(([first, last]) => first <= slot && slot <= last);
      const found = (await primaries()).find(({ member }) => holds(member));
      if (found === undefined) throw new Error(`nobody holds slot ${slot}`);
      return found.server;
    },
  };
}

async function startNode(): Promise<RedisServer> {
  // By default 10,000 above the other one, where nobody has looked.
  const bus = String(await freePort());
  return startRedis({
    args: [
      ...["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"],
      ...["--cluster-node-timeout", "1500", "--cluster-port", bus],
    ],
  });
}

/** The node serves, knows all others and their roles, and has its primary's data if it is a replica. */
async function isOk(node: RedisServer): Promise<boolean> {
  const [info, replication, members] = await Promise.all([
    node.cli("CLUSTER", "INFO"),
    node.cli("INFO", "replication"),
    node.cli("CLUSTER", "NODES").then(parseMembers),
  ]);
  return (
    info.includes("cluster_state:ok") &&
    /master_link_status:up|connected_slaves:1/.test(replication) &&
    members.length === NODES &&
    members.filter(({ isPrimary }) => isPrimary).length === NODES / 2
  );
}

async function agreedMembers(nodes: readonly RedisServer[]): Promise<Member[]> {
  let agreed: Member[] = [];
  await until("the nodes agree on the primaries", async () => {
    const views = await Promise.all(
      nodes
        .filter(({ isUp }) => isUp)
        .map(async (node) => parseMembers(await node.cli("CLUSTER", "NODES"))),
    );
    agreed = views[0] ?? [];
    const keys = views.map((view) => JSON.stringify(view.sort((a, b) => a.port - b.port)));
    return agreed.length === NODES && new Set(keys).size === 1;
  });
  return agreed;
}

/** `id ip:port@bus flags primary pingSent pongReceived epoch link slots…` */
function parseMembers(text: string): Member[] {
  return text.split("\n").map((line) => {
    const [, address = "", flags = "", , , , , , ...slots] = line.trim().split(" ");
    return {
      port: Number(/:(\d+)@/.exec(address)?.[1]),
      isPrimary: /\bmaster\b/.test(flags) && !/\bfail\b/.test(flags),
      // In brackets are slots that move: none does here.
      slots: slots.map((range) => {
        const [first = "", last = first] = range.split("-");
        return [Number(first), Number(last)] as const;
      }),
    };
  });
}
