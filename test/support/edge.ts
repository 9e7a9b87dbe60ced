import { onTestFinished } from "vitest";
import { startEdge, type Edge } from "../../src/edge.ts";
import type { EdgeConfigInput } from "../../src/config/schema.ts";
import type { Logger, LogFields } from "../../src/core/logger.ts";

type PoolInput = EdgeConfigInput["pools"][string];

export interface TestEdge {
  readonly edge: Edge;
  /** `ws://host:port` of the first listener. */
  readonly ws: string;
  /** `http://host:port` of the first listener. */
  readonly http: string;
  readonly port: number;
  readonly admin: string;
  /** What was logged so far. */
  readonly logs: readonly LogLine[];
  /** Resolves with the first line, past or future, that has this message. */
  logged(message: string): Promise<LogLine>;
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

/** An edge in this process with one pool, `test`, and one plain listener on a free port. */
export async function startTestEdge(
  backends: readonly { readonly id: string; readonly url: string }[],
  pool: Partial<PoolInput> = {},
  config: Partial<EdgeConfigInput> = {},
): Promise<TestEdge> {
  const log = recordLogs();
  const edge = await startEdge(
    {
      listeners: [{ address: "127.0.0.1:0" }],
      routes: [{ pool: "test" }],
      pools: {
        test: { backends: backends.map(({ id, url }) => ({ id, url })), ...pool },
      },
      secret: "only for tests, 32 characters...",
      admin: { address: "127.0.0.1:0" },
      ...config,
    },
    { logger: log.logger },
  );
  onTestFinished(() => edge.destroy());
  const [address = ""] = edge.addresses;
  const admin = `http://${edge.adminAddress ?? ""}`;
  return {
    edge,
    ws: `ws://${address}`,
    http: `http://${address}`,
    port: Number(address.split(":").at(-1)),
    admin,
    logs: log.lines,
    logged: log.logged,
    metric: async (name, labels = {}) => readMetric(await scrape(admin), name, labels),
  };
}

export async function scrape(admin: string): Promise<string> {
  const response = await fetch(`${admin}/metrics`);
  return response.text();
}

/** The sum of a metric's samples that carry these labels; 0 when there is none. */
export function readMetric(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  let sum = 0;
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:]+)(\{.*\})? ([-+0-9.eE]+|NaN)$/.exec(line);
    if (match === null || match[1] !== name) continue;
    if (wanted.every((pair) => match[2]?.includes(pair))) sum += Number(match[3]);
  }
  return sum;
}

function recordLogs() {
  const lines: LogLine[] = [];
  const waiting = new Set<{ message: string; resolve: (line: LogLine) => void }>();
  const record =
    (level: keyof Logger) =>
    (message: string, fields: LogFields = {}) => {
      const line = { level, message, fields };
      lines.push(line);
      for (const waiter of waiting) {
        if (waiter.message !== message) continue;
        waiting.delete(waiter);
        waiter.resolve(line);
      }
    };
  const logger: Logger = {
    debug: record("debug"),
    info: record("info"),
    warn: record("warn"),
    error: record("error"),
  };
  const logged = (message: string): Promise<LogLine> => {
    const past = lines.find((line) => line.message === message);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => waiting.add({ message, resolve }));
  };
  return { logger, lines, logged };
}
