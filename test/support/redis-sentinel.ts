import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { launch, replicated, startRedis, type RedisServer } from "./redis.ts";
import { until } from "./until.ts";

const NAME = "mymaster";
const SENTINELS = 3;
const REPLICAS = 2;

export interface SentinelSet {
  /** `redis+sentinel://127.0.0.1:port,…/mymaster` */
  readonly url: string;
  /** The first primary, then its replicas. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  /** The primary of now; waits until all Sentinels name the same. */
  primary(): Promise<RedisServer>;
}

/** A primary with two replicas, and three Sentinels that know all of them and each other. */
export async function startSentinel(): Promise<SentinelSet> {
  const first = await startRedis();
  const replicas = await Promise.all(
    Array.from({ length: REPLICAS }, () =>
      startRedis({ args: ["--replicaof", "127.0.0.1", String(first.port)] }),
    ),
  );
  const servers = [first, ...replicas];
  // Sentinels ask a primary for its replicas when they meet it, then only every 10 seconds.
  await replicated(servers);
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => launchSentinel(first.port)),
  );
  const complete = `status=ok,address=127.0.0.1:${first.port},slaves=${REPLICAS},sentinels=${SENTINELS}`;
  await Promise.all(
    sentinels.map((sentinel) =>
      until("the Sentinels know all", async () => {
        return (await sentinel.cli("INFO", "sentinel")).includes(complete);
      }),
    ),
  );
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  return {
    url: `redis+sentinel://${hosts}/${NAME}`,
    servers,
    sentinels,
    primary: () => agreedPrimary(sentinels, servers),
  };
}

function launchSentinel(primary: number): Promise<RedisServer> {
  return launch({
    async args(port, directory) {
      const file = join(directory, "sentinel.conf");
      const lines = [
        `port ${port}`,
        "bind 127.0.0.1",
        `sentinel monitor ${NAME} 127.0.0.1 ${primary} 2`,
        `sentinel down-after-milliseconds ${NAME} 1000`,
        `sentinel failover-timeout ${NAME} 5000`,
        "",
      ];
      await writeFile(file, lines.join("\n"));
      return [file, "--sentinel"];
    },
  });
}

async function agreedPrimary(
  sentinels: readonly RedisServer[],
  servers: readonly RedisServer[],
): Promise<RedisServer> {
  let primary: RedisServer | undefined;
  await until("the Sentinels agree on a primary", async () => {
    const ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME];
    const answers = await Promise.all(
      sentinels.filter(({ isUp }) => isUp).map((sentinel) => sentinel.cli(...ask)),
    );
    if (new Set(answers).size === 1) {
      primary = servers.find(({ port }) => answers[0] === `127.0.0.1\n${port}`);
    }
    return primary !== undefined;
  });
  if (primary === undefined) throw new Error("the Sentinels name none of these servers");
  return primary;
}
