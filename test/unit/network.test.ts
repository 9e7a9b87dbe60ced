import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { networkOf } from "../../src/wire/network.ts";

const anyBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });

/** In full, with zeros left out, and with the end as IPv4: RFC 4291 §2.2. */
function spellings(bytes: Uint8Array): string[] {
  const view = Buffer.from(bytes);
  const groups = Array.from({ length: 8 }, (_, i) => view.readUInt16BE(2 * i).toString(16));
  const full = groups.map((group) => group.padStart(4, "0")).join(":");
  const mixed = `${groups.slice(0, 6).join(":")}:${view.subarray(12).join(".")}`;
  const compressed = groups
    .join(":")
    .replace(/\b0(:0)+\b/, "::")
    .replace(/:{3,}/, "::");
  return [full, full.toUpperCase(), mixed, compressed, `${full}%eth0`];
}

describe("the network of an address", () => {
  it.each([
    ["192.0.2.77", 32, "192.0.2.77"],
    ["192.0.2.77", 24, "192.0.2.0/24"],
    ["192.0.2.77", 26, "192.0.2.64/26"],
    ["192.0.2.77", 0, "0.0.0.0/0"],
    ["255.255.255.255", 1, "128.0.0.0/1"],
  ])("of IPv4 %s is the same for the first %d bits", (address, v4, same) => {
    const network = networkOf(address, { v4, v6: 64 });
    expect(network).toBe(v4 === 32 ? same : networkOf(same.split("/")[0] ?? "", { v4, v6: 64 }));
  });

  it("is the same however an IPv6 address is spelt", () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(128), (bytes, v6) => {
        const networks = spellings(bytes).map((address) => networkOf(address, { v4: 32, v6 }));
        expect(new Set(networks).size).toBe(1);
      }),
    );
  });

  it("is the same for two addresses exactly when their leading bits are", () => {
    fc.assert(
      fc.property(anyBytes, fc.nat(127), fc.integer({ min: 1, max: 128 }), (bytes, bit, v6) => {
        const other = Uint8Array.from(bytes);
        const at = Math.floor(bit / 8);
        other[at] = (other[at] ?? 0) ^ (0x80 >> (bit % 8));
        const [one, two] = [bytes, other].map((all) =>
          networkOf(spellings(all)[0] ?? "", { v4: 32, v6 }),
        );
        expect(one === two).toBe(bit >= v6);
      }),
    );
  });

  it("of IPv4 is the same exactly when the leading bits are", () => {
    const v4Text = (bits: number): string =>
      [24, 16, 8, 0].map((s) => (bits >>> s) & 255).join(".");
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.nat(31), fc.integer({ min: 1, max: 32 }), (bits, bit, v4) => {
        const other = (bits ^ (0x80000000 >>> bit)) >>> 0;
        const [one, two] = [bits, other].map((all) => networkOf(v4Text(all), { v4, v6: 64 }));
        expect(one === two).toBe(bit >= v4);
      }),
    );
  });
});
