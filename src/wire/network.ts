import { isIPv4 } from "node:net";

/** How many leading bits of an address count: up to 32 and up to 128. */
export interface PrefixLengths {
  readonly v4: number;
  readonly v6: number;
}

const GROUPS = 8;
const GROUP_BITS = 16;

/**
 * The network that an address is in: equal for all addresses with the same leading bits, however
 * they are spelt (RFC 4291 §2.2). A zone is no part of it.
 *
 * @param address a valid IPv4 or IPv6 address
 */
export function networkOf(address: string, { v4, v6 }: PrefixLengths): string {
  if (isIPv4(address)) {
    if (v4 === 32) return address;
    const bits = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
    const size = 2 ** (32 - v4);
    return `${Math.floor(bits / size) * size}/${v4}`;
  }
  const kept = groupsOf(address).map((group, i) => {
    const bits = Math.min(GROUP_BITS, Math.max(0, v6 - i * GROUP_BITS));
    const size = 2 ** (GROUP_BITS - bits);
    return Math.floor(group / size) * size;
  });
  return `${kept.map((group) => group.toString(16)).join(":")}/${v6}`;
}

function groupsOf(address: string): number[] {
  const [bare = ""] = address.split("%");
  // The last 32 bits may be written as an IPv4 address.
  const hex = bare.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = "", tail] = hex.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = new Array<string>(Math.max(0, GROUPS - before.length - after.length)).fill("0");
  return [...before, ...gap, ...after].map((group) => Number.parseInt(group, 16));
}
