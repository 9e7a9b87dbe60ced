import { availableParallelism } from "node:os";
import { basename, dirname } from "node:path";
import { checkConfig } from "../config/check.ts";
import { loadConfig } from "../config/load.ts";
import { configSchema, type EdgeConfig, type EdgeConfigInput } from "../config/schema.ts";
import { ConfigError, describeError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { PolicyName } from "../policy/index.ts";
import { startConfigured } from "../edge.ts";
import { ConfigFollower } from "./config-follower.ts";
import { openLog, type LogLines } from "./log.ts";
import type { Runner } from "./runner.ts";
import { Supervisor } from "./workers/supervisor.ts";

const POOL = "default";
const FAILED = 1;

export interface ServeFlags {
  readonly config?: string;
  readonly listen?: readonly string[];
  readonly backend?: readonly string[];
  readonly policy?: string;
  readonly affinity?: readonly string[];
  readonly redis?: string;
  readonly admin?: string;
  readonly workers?: number | "auto";
}

/** Runs the edge until SIGTERM or SIGINT. */
export async function serve(flags: ServeFlags): Promise<void> {
  const config = await readConfig(flags);
  const log = openLog();
  const { logger } = log;
  const directory = flags.config === undefined ? "." : dirname(flags.config);
  const runner = await run(config, { directory, logger });
  const follower = new ConfigFollower({
    file: flags.config,
    load: () => readConfig(flags),
    runner,
    logger,
  });
  process.on("SIGUSR2", () => {
    runner.restart().catch((error: unknown) => {
      logger.error("rolling restart failed", { cause: describeError(error) });
    });
  });
  endOnSignal(log, () => {
    follower[Symbol.dispose]();
    return runner.close();
  });
}

function run(config: EdgeConfig, options: EdgeServices): Promise<Runner> {
  const workers = config.workers === "auto" ? availableParallelism() : config.workers;
  return workers > 1
    ? Supervisor.start({ config, workers, ...options })
    : runAlone(config, options);
}

interface EdgeServices {
  readonly directory: string;
  readonly logger: Logger;
}

async function runAlone(config: EdgeConfig, options: EdgeServices): Promise<Runner> {
  const edge = await startConfigured(config, options);
  return {
    reload: (next) => edge.reloadConfigured(next),
    restart() {
      options.logger.warn("a rolling restart needs workers: 2 or more");
      return Promise.resolve();
    },
    close: () => edge.close(),
  };
}

async function readConfig(flags: ServeFlags): Promise<EdgeConfig> {
  const { config: file, ...others } = flags;
  if (file === undefined) return checkConfig(configOf(flags));
  const [unused] = Object.keys(others);
  if (unused !== undefined) {
    throw wrongFlag(`--${unused} does not go with --config: write it into ${file}`);
  }
  return loadConfig(file, configSchema, process.env);
}

function configOf(flags: ServeFlags): EdgeConfigInput {
  const { listen = [], backend = [], policy, affinity = [], redis, admin, workers } = flags;
  if (listen.length === 0 || backend.length === 0) {
    throw wrongFlag("name a file with --config, or both --listen and --backend");
  }
  return {
    listeners: listen.map((address) => ({ address })),
    routes: [{ pool: POOL }],
    pools: {
      [POOL]: {
        ...(policy !== undefined && { policy: policy as PolicyName }),
        affinity: affinity.map(affinityOf),
        backends: backend.map((url) => ({ id: idOf(url), url })),
      },
    },
    ...(redis !== undefined && { sessions: { store: "redis", url: redis } }),
    ...(admin !== undefined && { admin: { address: admin } }),
    ...(workers !== undefined && { workers }),
  };
}

type AffinityInput = NonNullable<EdgeConfigInput["pools"][string]["affinity"]>[number];

function affinityOf(flag: string): AffinityInput {
  const [kind, name = ""] = flag.split(/:(.*)/, 2);
  if (kind === "ip" && !flag.includes(":")) return "ip";
  if (name !== "") {
    if (kind === "cookie") return { cookie: { name } };
    if (kind === "query") return { token: { query: name } };
    if (kind === "header") return { header: name };
  }
  throw wrongFlag(
    `--affinity "${flag}" is not known: write cookie:NAME, query:NAME, header:NAME or ip`,
  );
}

/** The same for every edge that is given the same URL, so that their rings agree. */
function idOf(url: string): string {
  if (url.startsWith("unix:")) return basename(url);
  return URL.canParse(url) ? new URL(url).host.replaceAll(/[[\]]/g, "") : "invalid";
}

function wrongFlag(message: string): ConfigError {
  return new ConfigError([{ file: "ringway serve", message }]);
}

/** The first signal shuts down in order, a second one at once. */
function endOnSignal(log: LogLines, close: () => Promise<void>): void {
  let asked = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) process.exit(0);
    asked = true;
    log.logger.info("signal received", { signal });
    void close()
      .then(
        () => 0,
        (error: unknown) => {
          log.logger.error("shutdown failed", { cause: describeError(error) });
          return FAILED;
        },
      )
      .then(async (code) => {
        await log.end();
        process.exit(code);
      });
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
}
