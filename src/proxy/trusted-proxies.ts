import { BlockList, isIP, isIPv6 } from "node:net";

/** The peers whose forwarding headers are believed. Nobody, unless configuration names them. */
export class TrustedProxies {
  readonly #list: BlockList | undefined;

  /** @param blocks addresses and CIDR blocks, already validated */
  constructor(blocks: readonly string[]) {
    if (blocks.length === 0) return;
    this.#list = new BlockList();
    for (const block of blocks) {
      const [address = "", prefix] = block.split("/");
      const family = isIPv6(address) ? "ipv6" : "ipv4";
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  has(address: string): boolean {
    if (this.#list === undefined) return false;
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? "ipv6" : "ipv4");
  }
}
