import { isIPv4 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  parseProxyHeader,
  proxyHeader,
  type ProxiedConnection,
  type ProxyProtocolVersion,
} from "../../src/wire/proxy-protocol.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const MAX_LINE = 107;
const MAX_BINARY = 16 + 4096;

function binary(...hex: readonly string[]): Buffer {
  return Buffer.from((SIGNATURE + hex.join("")).replaceAll(" ", ""), "hex");
}

function connection(from: string, to: string, ports = [56324, 443]): ProxiedConnection {
  const [source = 0, destination = 0] = ports;
  return {
    source: { address: from, port: source },
    destination: { address: to, port: destination },
  };
}

const V4 = connection("192.168.0.1", "192.168.0.11");
const V6 = connection("2001:db8::1", "2001:db8:0:1::b");
const V4_LINE = Buffer.from("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
const V4_BINARY = binary("21 11 000c c0a80001 c0a8000b dc04 01bb");
const V6_LINE = Buffer.from("PROXY TCP6 2001:db8::1 2001:db8:0:1::b 56324 443\r\n");
const V6_BINARY = binary(
  "21 21 0024 20010db8000000000000000000000001 20010db800000001000000000000000b dc04 01bb",
);
const UNKNOWN_LINE = Buffer.from("PROXY UNKNOWN\r\n");
const LOCAL_BINARY = binary("20 00 0000");

const anyPort = fc.integer({ min: 0, max: 65535 });
const anyIPv4 = fc.ipV4();
// Zeros are what an address is shortened by.
const anyGroup = fc.oneof(fc.constantFrom(0, 0xffff), fc.integer({ min: 0, max: 0xffff }));
const anyIPv6 = fc
  .array(anyGroup, { minLength: 8, maxLength: 8 })
  .filter(([a, b, c, d, e, f]) => [a, b, c, d, e].some((group) => group !== 0) || f !== 0xffff)
  .map((groups) => groups.map((group) => group.toString(16)).join(":"))
  .map((address) => new URL(`http://[${address}]`).hostname.slice(1, -1));
const anyAddress = fc.oneof(anyIPv4, anyIPv6);
const anyEnd = fc.record({ address: anyAddress, port: anyPort });
const anyConnection = fc.record({ source: anyEnd, destination: anyEnd });
const anyVersion = fc.constantFrom<ProxyProtocolVersion[]>("v1", "v2");
const anyHeader = fc
  .tuple(anyVersion, fc.option(anyConnection, { nil: undefined }))
  .map(([version, of]) => proxyHeader(version, of));

describe("a PROXY header as the specification has it", () => {
  it.each([
    ["v1 of IPv4", "v1", V4, V4_LINE],
    ["v1 of IPv6", "v1", V6, V6_LINE],
    ["v1 of nothing known", "v1", undefined, UNKNOWN_LINE],
    ["v2 of IPv4", "v2", V4, V4_BINARY],
    ["v2 of IPv6", "v2", V6, V6_BINARY],
    ["v2 of nothing known", "v2", undefined, LOCAL_BINARY],
  ] as const)("is written and read: %s", (_, version, of, bytes) => {
    expect(proxyHeader(version, of).toString("hex")).toBe(bytes.toString("hex"));
    expect(parseProxyHeader(bytes)).toEqual({ connection: of, bytes: bytes.length });
  });

  it("comes back as it was, whatever the addresses", () => {
    fc.assert(
      fc.property(anyVersion, anyConnection, (version, of) => {
        const bytes = proxyHeader(version, of);
        expect(parseProxyHeader(bytes)).toEqual({ connection: of, bytes: bytes.length });
      }),
      { numRuns: 500 },
    );
  });

  it("is partial in each of its prefixes", () => {
    fc.assert(
      fc.property(anyHeader, (bytes) => {
        for (let length = 0; length < bytes.length; length++) {
          expect(parseProxyHeader(bytes.subarray(0, length))).toBe("partial");
        }
      }),
    );
  });

  it("ends where it ends, whatever follows", () => {
    const follows = fc.oneof(
      fc.uint8Array(),
      fc.constantFrom("\r\n", "\n", "PROXY TCP4 ", " 1").map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(anyHeader, follows, (bytes, rest) => {
        const both = Buffer.concat([bytes, rest]);
        expect(parseProxyHeader(both)).toEqual(parseProxyHeader(bytes));
      }),
    );
  });
});

describe("bytes of any kind", () => {
  const anyBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const starts = ["", "PROXY ", "PROXY UNKNOWN ", "PROXY TCP4 1.1.1.1 "];

  it("never throw, and are never partial beyond the longest header", () => {
    const anyStart = fc.constantFrom(
      ...starts.map((start) => Buffer.from(start)),
      ...["", "21", "2111", "2011", "2121 0040", "2131 0fff"].map((hex) => binary(hex)),
    );
    fc.assert(
      fc.property(anyStart, anyBytes, fc.nat(5000), (start, bytes, padding) => {
        const received = Buffer.concat([start, bytes, Buffer.alloc(padding, "a")]);
        const parsed = parseProxyHeader(received);
        const bound = received[0] === 0x50 ? MAX_LINE : MAX_BINARY;
        if (parsed === "partial") expect(received.length).toBeLessThan(bound);
        else if (parsed !== "invalid") expect(parsed.bytes).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 1000 },
    );
  });

  it("in the place of addresses never throw, and give one spelling only", () => {
    const text = fc.string({ unit: fc.constantFrom(..."0123456789abfF:.:.:"), maxLength: 45 });
    const spelt = fc.oneof(
      text,
      anyAddress.map((address) => address.toUpperCase()),
    );
    fc.assert(
      fc.property(fc.constantFrom("4", "6"), spelt, spelt, (family, from, to) => {
        const bytes = Buffer.from(`PROXY TCP${family} ${from} ${to} 1 2\r\n`);
        const parsed = parseProxyHeader(bytes);
        if (typeof parsed === "string") return;
        const again = proxyHeader("v2", parsed.connection);
        expect(parseProxyHeader(again)).toEqual({ ...parsed, bytes: again.length });
      }),
      { numRuns: 2000 },
    );
  });

  it("that once were invalid stay it with more behind them", () => {
    fc.assert(
      fc.property(anyHeader, fc.nat(), fc.nat(255), (header, at, value) => {
        const bytes = Buffer.from(header);
        bytes[at % bytes.length] = value;
        let before = "partial";
        for (let length = 0; length <= bytes.length; length++) {
          const parsed = parseProxyHeader(bytes.subarray(0, length));
          if (before === "invalid") expect(parsed).toBe("invalid");
          before = typeof parsed === "string" ? parsed : "header";
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("version 1", () => {
  it.each([
    ["addresses to ignore", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"],
    ["anything to ignore", "PROXY UNKNOWN \0 \xc3\xa9  nonsense\r\n"],
    ["107 bytes", `PROXY UNKNOWN ${"x".repeat(91)}\r\n`],
  ])("is of an unknown connection with %s", (_, line) => {
    const bytes = Buffer.from(line, "latin1");
    expect(parseProxyHeader(bytes)).toEqual({ connection: undefined, bytes: bytes.length });
  });

  it.each([
    ["PROXY TCP4 255.255.255.255 0.0.0.0 65535 0", "255.255.255.255", "0.0.0.0", [65535, 0]],
    ["PROXY TCP6 2001:DB8:0:0:0:0:0:1 0:0:0:0:0:0:0:0 1 2", "2001:db8::1", "::", [1, 2]],
    ["PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:C000:202 1 2", "192.0.2.1", "192.0.2.2", [1, 2]],
    ["PROXY TCP6 ::192.0.2.1 64:ff9b::192.0.2.2 1 2", "::c000:201", "64:ff9b::c000:202", [1, 2]],
  ])("gives addresses one spelling: %s", (line, source, destination, ports) => {
    expect(parseProxyHeader(Buffer.from(`${line}\r\n`))).toEqual({
      connection: connection(source, destination, ports),
      bytes: line.length + 2,
    });
  });

  it.each([
    ["another protocol's name", "PROXY UDP4 1.1.1.1 2.2.2.2 1 2"],
    ["a name in lower case", "PROXY tcp4 1.1.1.1 2.2.2.2 1 2"],
    ["a name that only begins with UNKNOWN", "PROXY UNKNOWNS"],
    ["one port only", "PROXY TCP4 1.1.1.1 2.2.2.2 1"],
    ["a field too many", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3"],
    ["a blank too many", "PROXY TCP4  1.1.1.1 2.2.2.2 1 2"],
    ["a blank at the end", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 "],
    ["an IPv6 source as TCP4", "PROXY TCP4 ::1 2.2.2.2 1 2"],
    ["an IPv6 destination as TCP4", "PROXY TCP4 1.1.1.1 ::2 1 2"],
    ["an IPv4 source as TCP6", "PROXY TCP6 1.1.1.1 ::2 1 2"],
    ["an IPv4 destination as TCP6", "PROXY TCP6 ::1 2.2.2.2 1 2"],
    ["a zone", "PROXY TCP6 fe80::1%eth0 ::2 1 2"],
    ["a byte with a leading zero", "PROXY TCP4 1.1.1.01 2.2.2.2 1 2"],
    ["a source port over 65535", "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2"],
    ["a destination port over 65535", "PROXY TCP4 1.1.1.1 2.2.2.2 1 99999"],
    ["a source port with a leading zero", "PROXY TCP4 1.1.1.1 2.2.2.2 01 2"],
    ["a destination port with a leading zero", "PROXY TCP4 1.1.1.1 2.2.2.2 1 00"],
    ["a CR inside", "PROXY UNKNOWN a\rb"],
    ["an LF inside", "PROXY UNKNOWN a\nb"],
    ["108 bytes", `PROXY UNKNOWN ${"x".repeat(92)}`],
  ])("is invalid with %s", (_, line) => {
    expect(parseProxyHeader(Buffer.from(`${line}\r\n`))).toBe("invalid");
  });

  it("is invalid at once where the line can't end any more", () => {
    const line = `PROXY UNKNOWN ${"x".repeat(100)}`;
    expect(parseProxyHeader(Buffer.from(line.slice(0, MAX_LINE - 1)))).toBe("partial");
    expect(parseProxyHeader(Buffer.from(line.slice(0, MAX_LINE)))).toBe("invalid");
    expect(parseProxyHeader(Buffer.from("PROXY UNKNOWN\r"))).toBe("partial");
    expect(parseProxyHeader(Buffer.from("PROXY UNKNOWN \n"))).toBe("invalid");
    expect(parseProxyHeader(Buffer.from("PROXY UNKNOWN \ra"))).toBe("invalid");
  });

  it.each(["GET / HTTP/1.1\r\n", "\x16\x03\x01", "proxy ", "PROXX", "PROXY\t", "\r\r", "\0", " "])(
    "and version 2 are no other protocol: %j",
    (text) => {
      expect(parseProxyHeader(Buffer.from(text))).toBe("invalid");
    },
  );
});

describe("version 2", () => {
  it.each([
    ["LOCAL with a family that does not exist", "20 ff 0000"],
    ["LOCAL with addresses", "20 11 000c c0a80001 c0a8000b dc04 01bb"],
    ["an unspecified family with bytes", "21 00 0002 aabb"],
    ["IPv4 of an unspecified transport", "21 10 000c c0a80001 c0a8000b dc04 01bb"],
    ["UDP over IPv4", "21 12 000c c0a80001 c0a8000b dc04 01bb"],
    ["UDP over IPv6", `21 22 0024 ${"00".repeat(36)}`],
    ["a Unix stream", `21 31 00d8 ${"2f".repeat(216)}`],
    ["Unix datagrams", `21 32 00d8 ${"2f".repeat(216)}`],
  ])("leaves the connection's own addresses: %s", (_, hex) => {
    const bytes = binary(hex);
    expect(parseProxyHeader(bytes)).toEqual({ connection: undefined, bytes: bytes.length });
  });

  it("skips what stands behind the addresses", () => {
    const v4 = binary("21 11 0016 c0a80001 c0a8000b dc04 01bb 02 0007 612e646576 ffff");
    expect(parseProxyHeader(v4)).toEqual({ connection: V4, bytes: 38 });
    const longest = Buffer.concat([V4_BINARY, Buffer.alloc(4096 - 12, 0xff)]);
    longest.writeUInt16BE(4096, 14);
    expect(parseProxyHeader(longest)).toEqual({ connection: V4, bytes: MAX_BINARY });
    expect(parseProxyHeader(longest.subarray(0, -1))).toBe("partial");
  });

  it("gives IPv4-mapped addresses as IPv4", () => {
    const mapped = "00000000000000000000ffff";
    const bytes = binary(`21 21 0024 ${mapped}c0a80001 ${mapped}c0a8000b dc04 01bb`);
    expect(parseProxyHeader(bytes)).toEqual({ connection: V4, bytes: bytes.length });
  });

  it.each([
    ["version 3", "31"],
    ["no version", "01"],
    ["an unknown command", "22"],
    ["an unknown family", "21 41"],
    ["an unknown transport", "21 13"],
    ["too few bytes for IPv4", "21 11 000b"],
    ["too few bytes for IPv6", "21 21 0023"],
    ["IPv4's bytes for IPv6", "21 21 000c"],
    ["too few bytes for UDP over IPv6", "21 22 0000"],
    ["too few bytes for a Unix socket", "21 31 00d7"],
    ["more than 4096 bytes", "21 11 1001"],
    ["more than 4096 bytes of nothing", "20 00 ffff"],
  ])("is invalid as soon as that is seen: %s", (_, hex) => {
    const bytes = binary(hex);
    expect(parseProxyHeader(bytes.subarray(0, -1))).toBe("partial");
    expect(parseProxyHeader(bytes)).toBe("invalid");
    expect(parseProxyHeader(Buffer.concat([bytes, Buffer.alloc(5000)]))).toBe("invalid");
  });

  it("is invalid from the first byte of the signature that is wrong", () => {
    for (let at = 0; at < SIGNATURE.length / 2; at++) {
      const bytes = Buffer.from(LOCAL_BINARY.subarray(0, at + 1));
      expect(parseProxyHeader(bytes)).toBe("partial");
      bytes[at] = 0x41;
      expect(parseProxyHeader(bytes)).toBe("invalid");
    }
  });
});

describe("what is written", () => {
  it("is plain IPv4 where both are, however spelt", () => {
    for (const source of ["::ffff:192.168.0.1", "::FFFF:192.168.0.1", "::ffff:c0a8:1"]) {
      const mapped = connection(source, "::ffff:192.168.0.11");
      expect(proxyHeader("v1", mapped)).toEqual(V4_LINE);
      expect(proxyHeader("v2", mapped)).toEqual(V4_BINARY);
    }
  });

  it("is IPv6 throughout where the families differ", () => {
    const mixed = connection("192.0.2.1", "2001:db8::1", [1, 2]);
    const line = "PROXY TCP6 ::ffff:c000:201 2001:db8::1 1 2\r\n";
    const hex = "00000000000000000000ffffc0000201 20010db8000000000000000000000001 0001 0002";
    expect(proxyHeader("v1", mixed).toString()).toBe(line);
    expect(proxyHeader("v2", mixed)).toEqual(binary(`21 21 0024 ${hex}`));
    const turned = connection("2001:db8::1", "192.0.2.1", [1, 2]);
    const turnedLine = "PROXY TCP6 2001:db8::1 ::ffff:c000:201 1 2\r\n";
    expect(proxyHeader("v1", turned).toString()).toBe(turnedLine);
  });

  it("has no zone, which means nothing on another machine", () => {
    const zoned = connection("fe80::1%eth0", "fe80::2%eth0", [1, 2]);
    expect(proxyHeader("v1", zoned).toString()).toBe("PROXY TCP6 fe80::1 fe80::2 1 2\r\n");
  });

  it.each(["", "/run/edge.sock", "localhost", "1.2.3", "::g", "%eth0"])(
    "tells nothing where an address is none: %j",
    (address) => {
      for (const of of [connection(address, "192.0.2.1"), connection("2001:db8::1", address)]) {
        expect(proxyHeader("v1", of)).toEqual(UNKNOWN_LINE);
        expect(proxyHeader("v2", of)).toEqual(LOCAL_BINARY);
      }
    },
  );

  it("fits in the line that every receiver has room for, family by family", () => {
    fc.assert(
      fc.property(anyConnection, (of) => {
        const isV4 = isIPv4(of.source.address) && isIPv4(of.destination.address);
        expect(proxyHeader("v1", of).length).toBeLessThanOrEqual(isV4 ? 56 : 104);
        expect(proxyHeader("v2", of).length).toBe(isV4 ? 28 : 52);
      }),
    );
  });

  it("has no port that is none", () => {
    expect(() => proxyHeader("v2", connection("::1", "::2", [65536, 1]))).toThrow(RangeError);
  });
});
