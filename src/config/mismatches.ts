import { isForConnections, type AffinityEntry } from "../proxy/affinity/index.ts";

/** The parts of a configuration that refer to one another. */
interface Parts {
  readonly listeners: readonly {
    readonly mode: "http" | "tcp";
    readonly address: object;
    readonly pool?: string | undefined;
    readonly sni?: Readonly<Record<string, string>> | undefined;
    readonly trustedProxies: readonly string[];
    readonly proxyProtocol: boolean;
  }[];
  readonly routes: readonly { readonly pool: string }[];
  readonly pools: Readonly<Record<string, PoolParts>>;
  readonly sessions: { readonly store: string };
}

interface PoolParts {
  readonly policy: string;
  readonly maxLoad?: number | undefined;
  readonly affinity: readonly AffinityEntry[];
  readonly backends: readonly { readonly id: string; readonly url: { readonly mode: string } }[];
  readonly proxyProtocol?: string | undefined;
  readonly discovery?: { readonly redis?: unknown } | undefined;
}

interface Mismatch {
  readonly path: readonly (string | number)[];
  /** Reads on from the name of the value. */
  readonly message: string;
}

/** What is right by itself but does not go with the rest: unknown pools, the wrong kind of backend. */
export function* findMismatches(parts: Parts): Generator<Mismatch> {
  const { listeners, routes, pools } = parts;
  const known = Object.keys(pools);
  const noPool = `names no pool; the pools are ${known.join(", ") || "none"}`;
  if (routes.length === 0 && listeners.some(({ mode }) => mode === "http")) {
    yield { path: ["routes"], message: "needs at least one route: { pool: NAME }" };
  }
  for (const { path, pool } of references(parts)) {
    if (!known.includes(pool)) yield { path, message: noPool };
  }
  for (const [i, listener] of listeners.entries()) yield* ofListener(listener, ["listeners", i]);

  const http = new Set(routes.map(({ pool }) => pool));
  const tcp = new Set(listeners.flatMap(poolsOf).map(({ pool }) => pool));
  for (const [name, pool] of Object.entries(pools)) {
    const modes = { http: http.has(name), tcp: tcp.has(name) };
    yield* ofPool(pool, ["pools", name], modes);
    yield* ofDiscovery(pool, ["pools", name], parts.sessions.store);
  }
}

function* references({ listeners, routes }: Parts): Generator<{
  readonly path: Mismatch["path"];
  readonly pool: string;
}> {
  for (const [i, { pool }] of routes.entries()) yield { path: ["routes", i, "pool"], pool };
  for (const [i, listener] of listeners.entries()) {
    for (const { path, pool } of poolsOf(listener)) {
      yield { path: ["listeners", i, ...path], pool };
    }
  }
}

function poolsOf({ pool, sni = {} }: Parts["listeners"][number]): {
  readonly path: Mismatch["path"];
  readonly pool: string;
}[] {
  const named = Object.entries(sni).map(([name, pool]) => ({ path: ["sni", name], pool }));
  return pool === undefined ? named : [{ path: ["pool"], pool }, ...named];
}

function* ofListener(
  listener: Parts["listeners"][number],
  path: Mismatch["path"],
): Generator<Mismatch> {
  const { mode, pool, sni, proxyProtocol, trustedProxies, address } = listener;
  if (mode === "tcp" && pool === undefined && Object.keys(sni ?? {}).length === 0) {
    yield { path, message: "needs a pool: NAME, or sni: { SERVER-NAME: POOL }, in mode: tcp" };
  }
  if (mode === "http") {
    const hint = "is for mode: tcp; requests are led by routes";
    if (pool !== undefined) yield { path: [...path, "pool"], message: hint };
    if (sni !== undefined) yield { path: [...path, "sni"], message: hint };
  }
  if (!proxyProtocol) return;
  const at = [...path, "proxyProtocol"];
  if ("path" in address) {
    yield { path: at, message: "is not for Unix sockets: their peers have no address to trust" };
  } else if (trustedProxies.length === 0) {
    yield { path: at, message: "believes nobody without trustedProxies: [ADDRESS or BLOCK]" };
  }
}

function* ofPool(
  pool: PoolParts,
  path: Mismatch["path"],
  leadsHere: { readonly http: boolean; readonly tcp: boolean },
): Generator<Mismatch> {
  const seen = new Set<string>();
  for (const [i, { id, url }] of pool.backends.entries()) {
    const at = [...path, "backends", i];
    if (seen.has(id)) {
      yield { path: [...at, "id"], message: `is used twice in this pool: "${id}"` };
    }
    seen.add(id);
    if (url.mode === "tcp" && leadsHere.http) {
      yield { path: [...at, "url"], message: "must be http:// or https://: a route leads here" };
    }
    if (url.mode === "http" && leadsHere.tcp) {
      yield {
        path: [...at, "url"],
        message: "must be tcp:// or tls://: a listener in mode: tcp leads here",
      };
    }
  }
  for (const [i, entry] of pool.affinity.entries()) {
    if (leadsHere.tcp && !isForConnections(entry)) {
      yield {
        path: [...path, "affinity", i],
        message: "needs a request: a listener in mode: tcp has only ip and sni",
      };
    }
    if (leadsHere.http && entry === "sni") {
      yield { path: [...path, "affinity", i], message: "is for pools of listeners in mode: tcp" };
    }
  }
  if (pool.maxLoad !== undefined && pool.policy !== "ring") {
    yield { path: [...path, "maxLoad"], message: "bounds the ring: it goes with policy: ring" };
  }
  if (pool.proxyProtocol !== undefined && leadsHere.http) {
    yield {
      path: [...path, "proxyProtocol"],
      message: "is for listeners in mode: tcp; requests carry X-Forwarded-For",
    };
  }
}

function* ofDiscovery(
  { backends, discovery }: PoolParts,
  path: Mismatch["path"],
  store: string,
): Generator<Mismatch> {
  const isEmpty = Object.values(discovery ?? {}).every((source) => source === undefined);
  if (backends.length === 0 && isEmpty) {
    yield {
      path: [...path, "backends"],
      message: "needs at least one backend: { id: a, url: http://… }, or discovery",
    };
  }
  if (discovery?.redis === true && store !== "redis") {
    yield {
      path: [...path, "discovery", "redis"],
      message: "needs sessions: { store: redis, … }, or an own { url: redis://HOST:PORT }",
    };
  }
}
