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
  if (isIPv4(address)) return networkOfV4(address, v4);
  const groups = groupsOf(address);
  const mapped = mappedV4(groups);
  if (mapped !== undefined) return networkOfV4(mapped, v4);
  const kept = groups.map((group, i) => {
    const bits = Math.min(GROUP_BITS, Math.max(0, v6 - i * GROUP_BITS));
    const size = 2 ** (GROUP_BITS - bits);
    return Math.floor(group / size) * size;
  });
  return `${kept.map((group) => group.toString(16)).join(":")}/${v6}`;
}

function networkOfV4(address: string, length: number): string {
  if (length === 32) return address;
  const bits = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - length);
  return `${Math.floor(bits / size) * size}/${length}`;
}

/** `::ffff:a.b.c.d`, what a socket for both families calls an IPv4 client (RFC 4291 §2.5.5.2). */
function mappedV4(groups: readonly number[]): string | undefined {
  const [high = 0, low = 0] = groups.slice(6);
  if (groups[5] !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) return undefined;
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
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
