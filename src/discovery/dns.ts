import { Resolver } from "node:dns/promises";
import type { Clock } from "../core/clock.ts";
import { systemCode } from "../core/errors.ts";
import type { DiscoveredBackend, DiscoverySource } from "./discovery-source.ts";
import { PolledSource } from "./polled-source.ts";

const TIMEOUT_MS = 2_000;
const TRIES = 2;

export interface DnsSourceOptions {
  readonly name: string;
  /** Of the hosts that A and AAAA records name; absent: SRV records name hosts and ports. */
  readonly port: number | undefined;
  readonly scheme: "http" | "https" | "tcp" | "tls";
  readonly everyMs: number;
  readonly clock: Clock;
  /** `address:port` of the servers to ask; the system's when absent. */
  readonly servers?: readonly string[] | undefined;
}

/** Backends that DNS names. No record at all is a failure: a fleet does not end that way. */
export function dnsSource(options: DnsSourceOptions): DiscoverySource {
  const { everyMs, clock, port, servers } = options;
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  return new PolledSource({
    name: "dns",
    everyMs,
    clock,
    ask: () => (port === undefined ? bySrv(resolver, options) : byAddress(resolver, options, port)),
    close: () => resolver.cancel(),
  });
}

async function byAddress(
  resolver: Resolver,
  options: DnsSourceOptions,
  port: number,
): Promise<DiscoveredBackend[]> {
  const { name } = options;
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const [v4, v6] = answers.map((answer) => {
    if (answer.status === "fulfilled") return answer.value;
    // One family may have no record; every other failure leaves open what it has.
    if (systemCode(answer.reason) === "ENODATA") return [];
    throw asError(answer.reason);
  });
  const addresses = [...(v4 ?? []).sort(), ...(v6 ?? []).sort()];
  if (addresses.length === 0) throw new Error(`${name} has no A or AAAA record`);
  return addresses.map((host) => backendAt({ ...options, host, port, weight: 1 }));
}

/** RFC 2782: the lowest priority alone; of weight 0 it says "very small", which is 1 here. */
async function bySrv(resolver: Resolver, options: DnsSourceOptions): Promise<DiscoveredBackend[]> {
  const records = await resolver.resolveSrv(options.name);
  const lowest = Math.min(...records.map(({ priority }) => priority));
  const targets = records.filter(({ priority }) => priority === lowest);
  if (targets.length === 0) throw new Error(`${options.name} has no SRV record`);
  return targets
    .map(({ name: host, port, weight }) =>
      backendAt({ ...options, host, port, weight: Math.max(1, weight) }),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function backendAt(
  target: Pick<DnsSourceOptions, "scheme"> & {
    readonly host: string;
    readonly port: number;
    readonly weight: number;
  },
): DiscoveredBackend {
  const { scheme, host, port, weight } = target;
  const isV6 = host.includes(":");
  const tls = scheme === "https" || scheme === "tls";
  return {
    // Ids begin with a letter or a digit.
    id: isV6 ? `ip6:${host}:${port}` : `${host}:${port}`,
    url: `${scheme}://${isV6 ? `[${host}]` : host}:${port}`,
    address: { kind: "tcp", host, port, tls },
    weight,
    draining: false,
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
