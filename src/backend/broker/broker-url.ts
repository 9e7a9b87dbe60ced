import { ConfigError } from "../../core/errors.ts";

export interface BrokerUrl {
  /** `host:port` each. */
  readonly hosts: readonly string[];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The URL without its password. */
  readonly name: string;
}

/**
 * `SCHEME://USER:PASSWORD@HOST:PORT,HOST:PORT`, user and password percent-encoded; `SCHEME+tls` for
 * TLS.
 *
 * @throws ConfigError that quotes nothing but the scheme: the rest may hold a password
 */
export function parseBrokerUrl(text: string, scheme: string, defaultPort: number): BrokerUrl {
  const match =
    /^[a-z]+(?<tls>\+tls)?:\/\/(?:(?<user>[^@/:]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^@/?#]+)\/?$/.exec(
      text,
    );
  const { tls, user, password, hosts = "" } = match?.groups ?? {};
  const list = hosts.split(",").map((host) => host.trim());
  const isHost = (host: string): boolean => /^(\[[\dA-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?$/.test(host);
  if (match === null || !list.every(isHost)) {
    throw new ConfigError([
      { file: "joinFleet", message: `broker: must be ${scheme}://HOST:PORT,HOST:PORT` },
    ]);
  }
  const secret = password === undefined ? "" : ":***";
  const account = user === undefined ? "" : `${user}${secret}@`;
  return {
    hosts: list.map((host) => (/:\d+$/.test(host) ? host : `${host}:${defaultPort}`)),
    tls: tls !== undefined,
    username: decoded(user),
    password: decoded(password),
    name: `${scheme}${tls ?? ""}://${account}${list.join(",")}`,
  };
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    const message = "broker: has a user or password that is not percent-encoded";
    throw new ConfigError([{ file: "joinFleet", message }], { cause });
  }
}
