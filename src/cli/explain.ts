import type { IncomingHttpHeaders } from "node:http";
import { dirname } from "node:path";
import type { Explanation } from "../config/explain.ts";
import { Explainer } from "../config/explainer.ts";
import { loadConfig } from "../config/load.ts";
import { configSchema } from "../config/schema.ts";
import { ConfigError } from "../core/errors.ts";
import { systemClock } from "../core/clock.ts";
import { silentLogger } from "../core/logger.ts";
import { systemRandom } from "../core/random.ts";
import type { RequestHead } from "../proxy/request.ts";

export interface ExplainFlags {
  readonly config: string;
  readonly url: string;
  readonly header?: readonly string[];
  readonly ip: string;
  readonly json: boolean;
}

export async function explainRequest(flags: ExplainFlags): Promise<void> {
  const config = await loadConfig(flags.config, configSchema, process.env);
  if (config.secret === undefined) {
    process.stderr.write(
      "note: no secret is configured, so each start of the edge places sessions anew\n",
    );
  }
  const services = {
    directory: dirname(flags.config),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  };
  const { head, secure } = requestOf(flags);
  await using explainer = await Explainer.open(config, services);
  const explanation = await explainer.explain(head, { ip: flags.ip, secure });
  process.stdout.write(flags.json ? `${JSON.stringify(explanation)}\n` : inWords(explanation));
}

function requestOf(flags: ExplainFlags): { readonly head: RequestHead; readonly secure: boolean } {
  const rawHeaders: string[] = [];
  const absolute = /^(https?|wss?):\/\//i.test(flags.url) ? new URL(flags.url) : undefined;
  if (absolute !== undefined) rawHeaders.push("Host", absolute.host);
  for (const line of flags.header ?? []) {
    const match = /^([^:\s]+):\s*(.*)$/.exec(line);
    if (match === null) {
      throw new ConfigError([
        { file: "ringway explain", message: `--header "${line}" must be 'name: value'` },
      ]);
    }
    rawHeaders.push(match[1] ?? "", match[2] ?? "");
  }
  const headers: IncomingHttpHeaders = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    headers[(rawHeaders[i] ?? "").toLowerCase()] = rawHeaders[i + 1];
  }
  const url = absolute === undefined ? flags.url : absolute.pathname + absolute.search;
  const secure = absolute?.protocol === "https:" || absolute?.protocol === "wss:";
  return { head: { method: "GET", url, headers, rawHeaders }, secure };
}

function inWords(explanation: Explanation): string {
  const { route, pool, source, session, backend, reason, candidates } = explanation;
  if (reason === "bad_request") return "The request is malformed: answered 400.\n";
  if (reason === "token_rejected") return "The token is forged or out of date: answered 401.\n";
  if (reason === "no_route") return "No route takes this request: answered 404.\n";
  const key =
    source === undefined
      ? "none found: the policy picks without a key"
      : `${source}, session ${session ?? ""}`;
  const why = {
    bound: "the session is bound to it",
    policy: "the policy's first choice",
    fallback: "the session store does not answer: the ring's choice",
  }[reason];
  const rows = [
    ["route", route ?? ""],
    ["pool", pool ?? ""],
    ["affinity", key],
    ["backend", `${backend ?? "none"} (${why})`],
    ["candidates", candidates.join(", ")],
  ];
  return rows.map(([name = "", value = ""]) => `${name.padEnd(12)}${value}\n`).join("");
}
