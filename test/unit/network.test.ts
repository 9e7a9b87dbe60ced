import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { networkOf } from "../../src/wire/network.ts";

const WHOLE = { v4: 32, v6: 128 };

describe("the network of an IPv4 address", () => {
  it.each([
    [24, "192.0.2.0", "192.0.2.255", "192.0.3.0"],
    [24, "255.255.255.0", "255.255.255.255", "255.255.254.255"],
    [8, "10.0.0.0", "10.255.255.255", "11.0.0.0"],
    [1, "128.0.0.0", "255.255.255.255", "127.255.255.255"],
    [31, "192.0.2.2", "192.0.2.3", "192.0.2.4"],
    [20, "172.16.16.1", "172.16.31.1", "172.16.32.1"],
  ])("of %i bits goes from its first to its last", (v4, first, last, outside) => {
    const prefix = { v4, v6: 64 };
    expect(networkOf(last, prefix)).toBe(networkOf(first, prefix));
    expect(networkOf(outside, prefix)).not.toBe(networkOf(first, prefix));
  });

  it("of 32 bits is the address", () => {
    expect(networkOf("192.0.2.1", WHOLE)).toBe("192.0.2.1");
    expect(networkOf("192.0.2.2", WHOLE)).toBe("192.0.2.2");
  });

  it("of no bits is the same for all", () => {
    const none = { v4: 0, v6: 64 };
    expect(networkOf("255.255.255.255", none)).toBe(networkOf("0.0.0.0", none));
  });

  it("does not depend on how long IPv6 prefixes are", () => {
    expect(networkOf("192.0.2.1", { v4: 24, v6: 1 })).toBe(
      networkOf("192.0.2.9", { v4: 24, v6: 128 }),
    );
  });
});

describe("the network of an IPv6 address", () => {
  it.each([
    [64, "2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::"],
    [56, "2001:db8:1:200::1", "2001:db8:1:2ff::1", "2001:db8:1:300::1"],
    [48, "2001:db8:1::", "2001:db8:1:ffff::", "2001:db8:2::"],
    [127, "2001:db8::2", "2001:db8::3", "2001:db8::4"],
    [1, "8000::", "ffff::", "7fff::"],
    [16, "2001::1", "2001:ffff::", "2002::"],
  ])("of %i bits goes from its first to its last", (v6, first, last, outside) => {
    const prefix = { v4: 32, v6 };
    expect(networkOf(last, prefix)).toBe(networkOf(first, prefix));
    expect(networkOf(outside, prefix)).not.toBe(networkOf(first, prefix));
  });

  it.each([
    ["::", "0:0:0:0:0:0:0:0", "0::0"],
    ["::1", "0:0:0:0:0:0:0:1", "::0:1", "0::0.0.0.1"],
    ["1::", "1:0:0:0:0:0:0:0", "0001::0"],
    ["1:0:0:2::3", "1::2:0:0:0:3", "1:0:0:2:0:0:0:3"],
    ["2001:db8::a", "2001:DB8::A", "2001:0db8:0000::000a", "2001:db8::0.0.0.10"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["::ffff:192.0.2.129", "::ffff:c000:281", "::FFFF:C000:0281", "0:0:0:0:0:ffff:192.0.2.129"],
    ["64:ff9b::255.255.0.1", "64:ff9b::ffff:1"],
    ["fe80::1", "fe80::1%eth0", "fe80::1%1", "fe80::1%en0.1.2.3"],
  ])("is one, however it is spelt: %s", (...spellings) => {
    for (const v6 of [128, 127, 96, 64, 17, 1]) {
      const networks = spellings.map((address) => networkOf(address, { v4: 32, v6 }));
      expect(new Set(networks).size).toBe(1);
    }
  });

  it("tells mapped IPv4 addresses apart by all of their bits", () => {
    const addresses = ["192.0.2.1", "192.0.2.2", "192.0.3.1", "193.0.2.1"];
    const networks = addresses.map((address) => networkOf(`::ffff:${address}`, WHOLE));
    expect(new Set(networks).size).toBe(addresses.length);
    // What a socket for both families calls an IPv4 client is cut as IPv4.
    for (const address of addresses) {
      const lengths = { v4: 24, v6: 64 };
      expect(networkOf(`::ffff:${address}`, lengths)).toBe(networkOf(address, lengths));
    }
  });

  it("is not that of an IPv4 address with the same bits", () => {
    expect(networkOf("::1", WHOLE)).not.toBe(networkOf("0.0.0.1", WHOLE));
    expect(networkOf("::", { v4: 1, v6: 1 })).not.toBe(networkOf("0.0.0.0", { v4: 0, v6: 1 }));
  });
});

type Bits = readonly boolean[];

function anyBits(length: number): fc.Arbitrary<Bits> {
  return fc.array(fc.boolean(), { minLength: length, maxLength: length });
}

function numbers(bits: Bits, size: number): number[] {
  const parts = Array.from({ length: bits.length / size }, (_, i) => i * size);
  return parts.map((from) =>
    bits.slice(from, from + size).reduce((sum, bit) => sum * 2 + Number(bit), 0),
  );
}

const asV4 = (bits: Bits): string => numbers(bits, 8).join(".");
const asV6 = (bits: Bits): string => {
  const full = numbers(bits, 16).map((group) => group.toString(16));
  // Half of the addresses have a gap of zeros to leave out.
  return full.join(":").replace(/(^|:)0(:0)+(:|$)/, "::");
};

describe.each([
  ["IPv4", 32, asV4],
  ["IPv6", 128, asV6],
] as const)("two %s addresses", (_, size, write) => {
  const anyPair = fc.record({
    one: anyBits(size),
    // Blocks of zeros, and the same bits but for one.
    zeros: fc.tuple(fc.nat(size), fc.nat(size)),
    flip: fc.nat(size - 1),
    rest: anyBits(size),
    length: fc.integer({ min: 1, max: size }),
  });

  it("are in one network exactly when their leading bits are the same", () => {
    fc.assert(
      fc.property(anyPair, ({ one: raw, zeros: [from, to], flip, rest, length }) => {
        const one = raw.map((bit, i) => bit && !(i >= from && i < to));
        const prefix = { v4: length, v6: length };
        const network = networkOf(write(one), prefix);
        const neighbour = [...one.slice(0, length), ...rest.slice(length)];
        expect(networkOf(write(neighbour), prefix)).toBe(network);
        const other = one.map((bit, i) => (i === flip ? !bit : bit));
        expect(networkOf(write(other), prefix) === network).toBe(flip >= length);
      }),
      { numRuns: 1000 },
    );
  });
});
