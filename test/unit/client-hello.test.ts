import { createServer, type AddressInfo } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseClientHello, UNRECOGNIZED_NAME } from "../../src/wire/client-hello.ts";

const MAX_MESSAGE = 16 * 1024;
/** With the headers of the most records that are taken. */
const MAX = MAX_MESSAGE + 256 * 5;

/** What a client of Node.js sends, and the error that it ends with when this is the answer. */
function realClient(
  options: ConnectionOptions,
  answer: Buffer,
): Promise<{ sent: Buffer; code: string | undefined }> {
  return new Promise((resolve, reject) => {
    let sent = Buffer.alloc(0);
    const server = createServer((socket) => {
      socket.on("error", reject).on("data", (chunk: Buffer) => {
        sent = Buffer.concat([sent, chunk]);
        // One record is what OpenSSL takes for a hello of this size.
        if (sent.length >= 5 && sent.length >= 5 + sent.readUInt16BE(3)) socket.end(answer);
      });
    });
    onTestFinished(() => void server.close());
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      const client = connect({ ...options, host: "127.0.0.1", port });
      client.on("error", ({ code }: NodeJS.ErrnoException) => resolve({ sent, code }));
    });
  });
}

async function realHello(options: ConnectionOptions): Promise<Buffer> {
  return (await realClient(options, UNRECOGNIZED_NAME)).sent;
}

function vector(size: number, ...parts: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(parts);
  const length = Buffer.alloc(size);
  length.writeUIntBE(bytes.length, 0, size);
  return Buffer.concat([length, bytes]);
}

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
const extension = (type: number, data: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([type >> 8, type & 0xff]), vector(2, data)]);
const nameEntry = (name: string, type = 0): Buffer =>
  Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, "latin1"))]);
const named = (...names: readonly string[]): Buffer =>
  extension(0, vector(2, ...names.map((name) => nameEntry(name))));
/** Of groups, which no parser of names needs. */
const other = extension(10, bytes("0002 001d"));

interface Hello {
  readonly version?: string;
  readonly sessionId?: Buffer;
  readonly cipherSuites?: Buffer;
  readonly compressions?: Buffer;
  /** With its length, if any. */
  readonly extensions?: Buffer;
}

function messageOf(hello: Hello): Buffer {
  const body = [
    bytes(hello.version ?? "0303"),
    Buffer.alloc(32, 0xab),
    hello.sessionId ?? vector(1),
    hello.cipherSuites ?? vector(2, bytes("1301")),
    hello.compressions ?? vector(1, bytes("00")),
    hello.extensions ?? vector(2, named("a.example")),
  ];
  return Buffer.concat([bytes("01"), vector(3, ...body)]);
}

const record = (payload: Uint8Array): Buffer =>
  Buffer.concat([bytes("16 0301"), vector(2, payload)]);

/** @param sizes of the records, over and over */
function inRecords(message: Buffer, sizes: readonly number[]): Buffer {
  const records: Buffer[] = [];
  for (let at = 0, i = 0; at < message.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    records.push(record(message.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat(records);
}

const withExtensions = (...parts: readonly Buffer[]): Buffer =>
  record(messageOf({ extensions: vector(2, ...parts) }));

/** Byte by byte as RFC 8446 §4.1.2 and RFC 6066 §3 have it. */
const WRITTEN_OUT = bytes(
  [
    "16 0301 0042", // record: handshake
    "01 00003e 0303", // ClientHello
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", // random
    "00", // no session id
    "0002 1301", // TLS_AES_128_GCM_SHA256
    "01 00", // no compression
    "0013", // extensions
    "0000 000f 000d 00 000a", // server_name: list, host_name
    Buffer.from("Edge.Test.").toString("hex"),
  ].join(""),
);

describe("a ClientHello written out", () => {
  it("gives its name in lower case, without the dot at the end", () => {
    expect(parseClientHello(WRITTEN_OUT)).toEqual({ servername: "edge.test" });
  });

  it.each([
    ["has no extensions at all, as before TLS 1.3", record(messageOf({ extensions: bytes("") }))],
    ["has an empty list of extensions", withExtensions()],
    ["has other extensions only", withExtensions(other, extension(0xff01, bytes("00")))],
  ])("has no name when it %s", (_, hello) => {
    expect(parseClientHello(hello)).toEqual({ servername: undefined });
  });

  it.each([
    ["between other extensions", withExtensions(other, named("a.example"), other)],
    ["of TLS 1.0", record(messageOf({ version: "0301" }))],
    ["with a session id", record(messageOf({ sessionId: vector(1, Buffer.alloc(32, 1)) }))],
    ["before more in its record", record(Buffer.concat([messageOf({}), bytes("00")]))],
    ["in a record of any minor version", Buffer.from(record(messageOf({}))).fill(0xff, 2, 3)],
  ])("has its name %s", (_, hello) => {
    expect(parseClientHello(hello)).toEqual({ servername: "a.example" });
  });

  it.each([
    ["of one label", "localhost"],
    ["with an underscore", "my_pod.ns.svc"],
    ["in punycode", "xn--nxasmq6b.1.example"],
    ["of the greatest length", `${"a".repeat(63)}.`.repeat(3) + "a".repeat(61)],
  ])("may have a name %s", (_, name) => {
    expect(parseClientHello(withExtensions(named(name)))).toEqual({ servername: name });
  });

  it.each([
    ["empty", ""],
    ["a dot", "."],
    ["an empty label", "a..example"],
    ["two dots at the end", "a.example.."],
    ["a dot in front", ".example"],
    ["a label of 64 bytes", "a".repeat(64)],
    ["254 bytes", `${"a".repeat(63)}.`.repeat(3) + "a".repeat(62)],
    ["a hyphen in front of a label", "a.-b.example"],
    ["a hyphen at the end of a label", "a-.example"],
    ["a pattern", "*.example"],
    ["a port", "a.example:443"],
    ["a zero byte", "a.example\0.evil.example"],
    ["a line end", "a.example\n"],
    ["a Kelvin sign, whose lower case is a k", "\xe2\x84\xaa.example"],
    ["an IPv4 address", "192.0.2.1"],
    ["an IPv4 address with a dot", "192.0.2.1."],
    ["an IPv6 address", "2001:db8::1"],
  ])("is invalid with a name that is none: %s", (_, name) => {
    expect(parseClientHello(withExtensions(named(name)))).toBe("invalid");
  });

  it.each([
    ["a list with two names", withExtensions(named("a.example", "b.example"))],
    ["two lists with a name", withExtensions(named("a.example"), named("a.example"))],
    ["a list with no name", withExtensions(named())],
    ["no list", withExtensions(extension(0, bytes("")))],
    ["a name of another type", withExtensions(extension(0, vector(2, nameEntry("a.b", 1))))],
    [
      "bytes behind the list",
      withExtensions(extension(0, Buffer.concat([vector(2, nameEntry("a.b")), bytes("00")]))),
    ],
    [
      "bytes behind the name",
      withExtensions(extension(0, vector(2, nameEntry("a.b"), bytes("00")))),
    ],
    [
      "a name longer than its list",
      withExtensions(extension(0, vector(2, bytes("00 0004 61 2e 62")))),
    ],
    [
      "a list longer than its extension",
      withExtensions(extension(0, bytes("0007 00 0003 61 2e 62"))),
    ],
    ["an extension longer than all of them", withExtensions(bytes("000a 0005 0002 001d"))],
    ["bytes behind the extensions", record(messageOf({ extensions: bytes("0000 00") }))],
    ["extensions longer than the message", record(messageOf({ extensions: bytes("0001") }))],
    ["half a length of extensions", record(messageOf({ extensions: bytes("00") }))],
    ["a version that is not TLS", record(messageOf({ version: "0203" }))],
    ["a session id of 33 bytes", record(messageOf({ sessionId: vector(1, Buffer.alloc(33)) }))],
    ["no cipher suites", record(messageOf({ cipherSuites: vector(2) }))],
    ["half a cipher suite", record(messageOf({ cipherSuites: vector(2, bytes("130113")) }))],
    ["no compression method", record(messageOf({ compressions: vector(1) }))],
    ["an end within its random bytes", record(bytes("01 000004 0303 abab"))],
    ["no body", record(bytes("01 000000"))],
  ])("is invalid with %s", (_, hello) => {
    expect(parseClientHello(hello)).toBe("invalid");
  });

  it("is as long as 16 KiB at most", () => {
    const empty = messageOf({
      extensions: vector(2, named("a.example"), extension(21, bytes(""))),
    });
    const ofSize = (size: number): Buffer => {
      const padding = extension(21, Buffer.alloc(size - empty.length));
      return messageOf({ extensions: vector(2, named("a.example"), padding) });
    };
    const longest = inRecords(ofSize(MAX_MESSAGE), [64]);
    expect(parseClientHello(longest)).toEqual({ servername: "a.example" });
    expect(parseClientHello(longest.subarray(0, -1))).toBe("partial");
    expect(longest.length).toBe(MAX);

    const tooLong = inRecords(ofSize(MAX_MESSAGE + 1), [MAX_MESSAGE]);
    expect(parseClientHello(tooLong.subarray(0, 8))).toBe("partial");
    expect(parseClientHello(tooLong.subarray(0, 9))).toBe("invalid");

    const tooManyRecords = inRecords(ofSize(MAX_MESSAGE), [63]);
    expect(parseClientHello(tooManyRecords.subarray(0, MAX - 1))).toBe("partial");
    expect(parseClientHello(tooManyRecords.subarray(0, MAX))).toBe("invalid");
    expect(parseClientHello(tooManyRecords)).toBe("invalid");
  });
});

describe("a first byte of another kind", () => {
  it.each([
    ["HTTP", "474554202f", 1],
    ["a PROXY header", "50524f5859", 1],
    ["an SSL 2 hello", "802e010301", 1],
    ["a TLS alert", "1503010002", 1],
    ["a version that is not TLS", "1602", 2],
    ["an empty record", "16 0301 0000", 5],
    ["a record over 16 KiB", "16 0301 4001", 5],
    ["a ServerHello", "16 0301 0040 02", 6],
    ["a second record that is none", "16 0301 0001 01 17", 7],
    ["a second record of another version", "16 0301 0001 01 16 00", 8],
    ["a message over 16 KiB", "16 0301 0040 01 003ffd", 9],
  ])("is invalid as soon as it is there: %s", (_, hex, at) => {
    expect(parseClientHello(bytes(hex).subarray(0, at - 1))).toBe("partial");
    expect(parseClientHello(bytes(hex).subarray(0, at))).toBe("invalid");
    expect(parseClientHello(Buffer.concat([bytes(hex), Buffer.alloc(99)]))).toBe("invalid");
  });
});

const REAL = [
  ["TLS 1.3", { minVersion: "TLSv1.3" }],
  ["TLS 1.2", { maxVersion: "TLSv1.2" }],
  ["ALPN", { ALPNProtocols: ["h2", "http/1.1"] }],
] as const;

describe.each(REAL)("a ClientHello of a real client with %s", (_, options) => {
  const servername = "Chat.Example.COM";

  it("gives its name, or none", async () => {
    const expected = { servername: "chat.example.com" };
    expect(parseClientHello(await realHello({ ...options, servername }))).toEqual(expected);
    expect(parseClientHello(await realHello(options))).toEqual({ servername: undefined });
  });

  it("is partial in each of its prefixes, and the same with anything behind it", async () => {
    for (const hello of [await realHello({ ...options, servername }), await realHello(options)]) {
      const whole = parseClientHello(hello);
      for (let length = 0; length < hello.length; length++) {
        expect(parseClientHello(hello.subarray(0, length))).toBe("partial");
      }
      for (const rest of [
        "GET / HTTP/1.1\r\n",
        "\x16",
        "\x14\x03\x03\0\x01\x01",
        "a".repeat(MAX),
      ]) {
        expect(parseClientHello(Buffer.concat([hello, Buffer.from(rest)]))).toEqual(whole);
      }
    }
  });

  it("is the same in any number of records, cut anywhere", async () => {
    const hello = await realHello({ ...options, servername });
    const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 20 });
    const check = (cut: Buffer): void => {
      expect(parseClientHello(cut)).toEqual({ servername: "chat.example.com" });
      for (let length = 0; length < cut.length; length++) {
        expect(parseClientHello(cut.subarray(0, length))).toBe("partial");
      }
    };
    check(inRecords(hello.subarray(5), [1]));
    fc.assert(
      fc.property(sizes, (of) => check(inRecords(hello.subarray(5), of))),
      { numRuns: 20 },
    );
  });

  it("never throws with bytes changed, cut off or put in, and gives host names only", async () => {
    const hello = await realHello({ ...options, servername });
    const change = fc.record({
      at: fc.nat(hello.length),
      drop: fc.nat(3),
      put: fc.uint8Array({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        let received = hello;
        for (const { at, drop, put } of changes) {
          received = Buffer.concat([received.subarray(0, at), put, received.subarray(at + drop)]);
        }
        const parsed = parseClientHello(received);
        if (typeof parsed === "string") expect(["partial", "invalid"]).toContain(parsed);
        else expect(parsed.servername ?? "none").toMatch(/^[a-z\d_.-]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("bytes of any kind", () => {
  it("never throw, and are never partial beyond the bound", () => {
    const starts = ["", "16", "160301", "1603013fff 01 003fff", "1603010001 01"].map(bytes);
    const parts = fc.tuple(fc.constantFrom(...starts), fc.uint8Array(), fc.nat(2 * MAX));
    fc.assert(
      fc.property(parts, ([start, random, padding]) => {
        const received = Buffer.concat([start, random, Buffer.alloc(padding)]);
        const parsed = parseClientHello(received);
        if (parsed === "partial") expect(received.length).toBeLessThan(MAX);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the refusal of a name", () => {
  it("is understood by a real client", async () => {
    const { code } = await realClient({ servername: "a.example" }, UNRECOGNIZED_NAME);
    expect(code).toMatch(/UNRECOGNIZED_NAME$/);
  });
});
