import type { EdgeConfig } from "../../config/schema.ts";

/**
 * Where workers listen each for itself, the system would give each another port for port 0: the
 * ports of the first one are those of all.
 */
export class FixedPorts {
  readonly #ports = new Map<string, number>();

  /** @param addresses where the first worker listens, in the order of the configuration */
  learn({ listeners }: EdgeConfig, addresses: readonly string[]): void {
    for (const [i, key] of keysOf(listeners).entries()) {
      const port = Number(/:(\d+)$/.exec(addresses[i] ?? "")?.[1]);
      if (key !== undefined && port > 0) this.#ports.set(key, port);
    }
  }

  apply(config: EdgeConfig): EdgeConfig {
    const keys = keysOf(config.listeners);
    const listeners = config.listeners.map((listener, i) => {
      const port = this.#ports.get(keys[i] ?? "");
      if (port === undefined || "path" in listener.address) return listener;
      return { ...listener, address: { ...listener.address, port } };
    });
    return { ...config, listeners };
  }
}

/** Of those that leave the port to the system; the same host may be named several times. */
function keysOf(listeners: EdgeConfig["listeners"]): (string | undefined)[] {
  const seen = new Map<string, number>();
  return listeners.map(({ address }) => {
    if ("path" in address || address.port !== 0) return undefined;
    const count = seen.get(address.host) ?? 0;
    seen.set(address.host, count + 1);
    return `${address.host} ${count}`;
  });
}
