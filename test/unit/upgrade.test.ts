import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  acceptOf,
  extensionNames,
  findFlaw,
  readOffer,
  type UpgradeOffer,
} from "../../src/wire/upgrade.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const valid = [
  ["Sec-WebSocket-Version", "13"],
  ["Sec-WebSocket-Key", KEY],
] as const;

type Field = readonly [string, string];

function offerOf(fields: readonly Field[], method = "GET"): ReturnType<typeof readOffer> {
  return readOffer({ method, rawHeaders: fields.flat() });
}

/** The valid handshake with one field under another value, left out, or given twice. */
function handshake(name: string, ...values: string[]): Field[] {
  const rest = valid.filter(([field]) => field !== name);
  return [...rest, ...values.map((value): Field => [name, value])];
}

describe("a client's opening handshake", () => {
  it("is read whatever the case of its field names", () => {
    const fields = valid.map(([name, value]): Field => [name.toUpperCase(), value]);
    expect(offerOf(fields)).toEqual({ key: KEY, protocols: [], extensions: [] });
  });

  it("keeps subprotocols in order and as they are written, over several fields", () => {
    const offer = offerOf([
      ...valid,
      ["sec-websocket-protocol", "Chat, chat"],
      ["Sec-WebSocket-Protocol", " ,v2.example , "],
    ]);
    expect(offer).toMatchObject({ protocols: ["Chat", "chat", "v2.example"] });
  });

  it("keeps the names of extensions without their parameters, in lower case", () => {
    const offer = offerOf([
      ...valid,
      ["Sec-WebSocket-Extensions", "Permessage-Deflate; client_max_window_bits, x-a;b=c"],
      ["Sec-WebSocket-Extensions", "x-b"],
    ]);
    expect(offer).toMatchObject({ extensions: ["permessage-deflate", "x-a", "x-b"] });
  });

  it.each(["POST", "HEAD", "OPTIONS", "get", "GET "])("is refused as %s", (method) => {
    expect(offerOf(valid, method)).toMatchObject({ code: "bad_upgrade" });
  });

  it.each([
    [[]],
    [["8"]],
    [["13", "13"]],
    [["13, 8"]],
    [["12", "13"]],
    [["013"]],
    [["13 "]],
    [[""]],
  ])("is refused with the versions %j, and told so", (versions) => {
    const offer = offerOf(handshake("Sec-WebSocket-Version", ...versions));
    expect(offer).toMatchObject({ code: "unsupported_version" });
  });

  it.each([
    ["no key", []],
    ["two equal keys", [KEY, KEY]],
    ["an empty key", [""]],
    ["a key of 15 bytes", [Buffer.alloc(15).toString("base64")]],
    ["a key of 17 bytes", [Buffer.alloc(17).toString("base64")]],
    ["a key without its padding", [KEY.replace("==", "")]],
    ["a key in base64url", ["dGhlIHNhbXBsZSBub25j-_=="]],
    ["a key with a space", ["dGhlIHNhbXBsZSBub25 ZQ=="]],
    ["a key with more behind it", [`${KEY}\n`]],
    ["two keys in one field", [`${KEY}, ${KEY}`]],
  ])("is refused with %s", (_, keys) => {
    expect(offerOf(handshake("Sec-WebSocket-Key", ...keys))).toMatchObject({ code: "bad_upgrade" });
  });

  it("is accepted with the base64 of any 16 bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const key = Buffer.from(bytes).toString("base64");
        expect(offerOf(handshake("Sec-WebSocket-Key", key))).toMatchObject({ key });
      }),
    );
  });

  it("never throws, whatever its fields hold", () => {
    const name = fc.constantFrom(
      "sec-websocket-key",
      "sec-websocket-version",
      "sec-websocket-protocol",
    );
    const fields = fc.array(fc.tuple(name, fc.oneof(fc.string(), fc.constantFrom("13", KEY))));
    fc.assert(
      fc.property(fields, (given) => {
        expect(offerOf(given)).toBeTypeOf("object");
      }),
    );
  });
});

describe("the answer to a key", () => {
  it("is that of RFC 6455 §1.3", () => {
    expect(acceptOf(KEY)).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });

  it("is the digest of the key as it is written", () => {
    const key = "AAAAAAAAAAAAAAAAAAAAAA==";
    const digest = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    expect(acceptOf(key)).toBe(digest.digest("base64"));
  });
});

const offered: UpgradeOffer = {
  key: KEY,
  protocols: ["chat", "v2"],
  extensions: ["permessage-deflate"],
};

function flawOf(changed: Record<string, string | string[] | undefined>, offer = offered) {
  const fields: Record<string, string | string[] | undefined> = {
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-accept": acceptOf(KEY),
    ...changed,
  };
  const headers = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().flatMap((one) => [name.toUpperCase(), one]),
  );
  return findFlaw(offer, { status: 101, reason: "", headers, bytes: 0 });
}

describe("a backend's 101", () => {
  it.each([
    ["as it should be", {}],
    ["in other letters", { upgrade: "WebSocket", connection: "upgrade" }],
    ["with more in Connection", { connection: "keep-alive, Upgrade" }],
    ["with two Connection fields", { connection: ["keep-alive", "upgrade"] }],
    ["with a subprotocol of the offer", { "sec-websocket-protocol": "v2" }],
    ["with an extension of the offer", { "sec-websocket-extensions": "permessage-deflate; x=1" }],
    ["with an extension in other letters", { "sec-websocket-extensions": "PerMessage-Deflate" }],
  ])("passes %s", (_, changed) => {
    expect(flawOf(changed)).toBeUndefined();
  });

  it.each([
    ["no Upgrade", "Upgrade", { upgrade: undefined }],
    ["another Upgrade", "Upgrade", { upgrade: "h2c" }],
    ["a list in Upgrade", "Upgrade", { upgrade: "websocket, h2c" }],
    ["two Upgrade fields", "Upgrade", { upgrade: ["websocket", "websocket"] }],
    ["no Connection", "Connection", { connection: undefined }],
    ["another Connection", "Connection", { connection: "keep-alive" }],
    ["a Connection that only begins so", "Connection", { connection: "upgraded" }],
    ["no accept", "Accept", { "sec-websocket-accept": undefined }],
    ["another key's accept", "Accept", { "sec-websocket-accept": acceptOf("x") }],
    ["the accept twice", "Accept", { "sec-websocket-accept": [acceptOf(KEY), acceptOf(KEY)] }],
    [
      "the accept in other letters",
      "Accept",
      { "sec-websocket-accept": acceptOf(KEY).toLowerCase() },
    ],
    ["a subprotocol not offered", "Protocol", { "sec-websocket-protocol": "v3" }],
    ["a subprotocol in other letters", "Protocol", { "sec-websocket-protocol": "Chat" }],
    ["two subprotocols", "Protocol", { "sec-websocket-protocol": ["chat", "v2"] }],
    ["a list of subprotocols", "Protocol", { "sec-websocket-protocol": "chat, v2" }],
    ["an empty subprotocol", "Protocol", { "sec-websocket-protocol": "" }],
    ["an extension not offered", "Extensions", { "sec-websocket-extensions": "x-a" }],
    [
      "an extension not offered behind one that was",
      "Extensions",
      { "sec-websocket-extensions": ["permessage-deflate", "x-a; permessage-deflate"] },
    ],
  ])("is refused with %s", (_, named, changed) => {
    expect(flawOf(changed)).toContain(named);
  });

  it("may choose nothing where nothing was offered", () => {
    const nothing = { key: KEY, protocols: [], extensions: [] };
    expect(flawOf({}, nothing)).toBeUndefined();
    expect(flawOf({ "sec-websocket-protocol": "chat" }, nothing)).toContain("Protocol");
    expect(flawOf({ "sec-websocket-extensions": "permessage-deflate" }, nothing)).toContain(
      "Extensions",
    );
  });
});

describe("the names of extensions", () => {
  it("are those of all fields, in order", () => {
    const headers = ["Sec-WebSocket-Extensions", "a;b;c, D ;e=f,", "sec-websocket-extensions", "g"];
    expect(extensionNames(headers)).toEqual(["a", "d", "g"]);
  });
});
