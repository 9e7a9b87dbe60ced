import { isIPv6 } from "node:net";

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is, and who we are there. */
export interface RedisTarget {
  /** One server, the primary that Sentinels name, or a Cluster. */
  readonly kind: "single" | "sentinel" | "cluster";
  /** The server, the Sentinels, or some nodes of the Cluster. */
  readonly nodes: readonly [RedisNode, ...RedisNode[]];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** What the Sentinels call the primary; empty for the other kinds. */
  readonly primary: string;
  readonly database: number;
}

const SHAPES =
  "redis://HOST:PORT, redis+sentinel://HOST:PORT,HOST:PORT/NAME or redis+cluster://HOST:PORT,HOST:PORT";

/**
 * `redis://`, `redis+sentinel://` and `redis+cluster://`, or `rediss…` for TLS. User and password
 * stand before the hosts, percent-encoded; a database number ends the first two.
 *
 * @returns the target, or what is wrong with the text; no message quotes it, since it may hold a
 *   password
 */
export function parseRedisUrl(text: string): RedisTarget | string {
  const match =
    /^redis(?<tls>s?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^@/]*)@)?(?<hosts>[^@/?#]+)(?:\/(?<path>[^?#]*))?$/.exec(
      text,
    );
  if (match?.groups === undefined) return `must be ${SHAPES}, with rediss for TLS`;
  const { tls, user, hosts = "", path = "" } = match.groups;
  const kind = match.groups["kind"] as "sentinel" | "cluster" | undefined;

  const [first, ...others] = hosts
    .split(",")
    .map((host) => parseNode(host, kind === "sentinel" ? SENTINEL_PORT : REDIS_PORT));
  const nodes = [first, ...others].filter((node) => node !== undefined);
  if (first === undefined || nodes.length <= others.length) {
    return "must have HOST:PORT after its //, several separated by commas";
  }
  if (kind === undefined && others.length > 0) {
    return "names several hosts: write redis+sentinel:// or redis+cluster://";
  }

  const parts = path === "" ? [] : path.split("/");
  const primary = kind === "sentinel" ? (parts.shift() ?? "") : "";
  if (kind === "sentinel" && primary === "") {
    return "must end in the name that the Sentinels know the primary by, such as /mymaster";
  }
  const [database = "0", ...more] = parts;
  if (more.length > 0 || !/^\d{1,5}$/.test(database)) {
    return "must end in the number of a database, such as /0, or nothing";
  }
  if (kind === "cluster" && database !== "0") return "has a database: a Cluster has none but 0";

  const account = parseAccount(user);
  if (account === undefined) return "has a user or password that is not percent-encoded";
  return {
    kind: kind ?? "single",
    nodes: [first, ...others.filter((node) => node !== undefined)],
    tls: tls === "s",
    ...account,
    primary,
    database: Number(database),
  };
}

/** The URL without its password. */
export function formatRedisUrl(target: RedisTarget): string {
  const { kind, nodes, tls, username, password, primary, database } = target;
  const user = encodeURIComponent(username ?? "");
  const secret = password === undefined ? "" : ":***";
  const account = user + secret === "" ? "" : `${user}${secret}@`;
  const hosts = nodes.map(({ host, port }) => `${isIPv6(host) ? `[${host}]` : host}:${port}`);
  const path = [...(primary === "" ? [] : [primary]), ...(database === 0 ? [] : [database])];
  const scheme = `redis${tls ? "s" : ""}${kind === "single" ? "" : `+${kind}`}`;
  return `${scheme}://${account}${hosts.join(",")}${path.map((part) => `/${part}`).join("")}`;
}

function parseNode(text: string, defaultPort: number): RedisNode | undefined {
  const match =
    /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<name>[A-Za-z0-9._-]+))(?::(?<port>\d{1,5}))?$/.exec(
      text.trim(),
    );
  if (match?.groups === undefined) return undefined;
  const { v6, name = "", port } = match.groups;
  if (v6 !== undefined && !isIPv6(v6)) return undefined;
  const number = port === undefined ? defaultPort : Number(port);
  return number > 0 && number < 65_536 ? { host: v6 ?? name, port: number } : undefined;
}

function parseAccount(
  user: string | undefined,
): Pick<RedisTarget, "username" | "password"> | undefined {
  if (user === undefined) return { username: undefined, password: undefined };
  const colon = user.indexOf(":");
  try {
    const username = decodeURIComponent(colon === -1 ? user : user.slice(0, colon));
    return {
      username: username === "" ? undefined : username,
      password: colon === -1 ? undefined : decodeURIComponent(user.slice(colon + 1)),
    };
  } catch {
    return undefined; // decodeURIComponent throws on a % that begins no escape
  }
}
