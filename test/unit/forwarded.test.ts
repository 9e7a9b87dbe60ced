import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clientBehind, forwardingHeaders, isForwardingHeader } from "../../src/wire/forwarded.ts";
import { eachHeader } from "../../src/wire/headers.ts";
import { madeUpRequest, type MadeUpRequest } from "../support/made-up-request.ts";

/** What the edge would tell a backend of a request, by name. */
function told(made: MadeUpRequest, session?: string): Record<string, string> {
  return Object.fromEntries(
    eachHeader(forwardingHeaders({ ...madeUpRequest(made).path, session })),
  );
}

const spoofed = [
  ["X-Forwarded-For", "203.0.113.66"],
  ["X-Forwarded-Proto", "https"],
  ["X-Forwarded-Host", "evil.example"],
  ["Forwarded", "for=203.0.113.66;proto=https;host=evil.example"],
  ["X-Request-Id", "chosen-by-client"],
  ["Ringway-Session", "somebody-else"],
] as const;
const host = ["Host", "chat.example.com"] as const;

describe("the names that the edge owns", () => {
  it.each([
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-request-id",
    "ringway-session",
    "ringway-attempt",
    "ringway-reattach",
    "ringway-anything",
  ])("hold %s", (name) => {
    expect(isForwardingHeader(name)).toBe(true);
  });

  it.each([
    "host",
    "origin",
    "cookie",
    "x-user-id",
    "ringway",
    "x-ringway-session",
    "sec-websocket-key",
  ])("do not hold %s", (name) => {
    expect(isForwardingHeader(name)).toBe(false);
  });
});

describe("what a backend is told", () => {
  it("of a request that came directly is the peer and what it asked for", () => {
    expect(told({ headers: [host], peer: "198.51.100.7" })).toEqual({
      "X-Forwarded-For": "198.51.100.7",
      "X-Forwarded-Proto": "http",
      "X-Forwarded-Host": "chat.example.com",
      Forwarded: "for=198.51.100.7;proto=http;host=chat.example.com",
      "X-Request-Id": "uuid-1",
    });
  });

  it("is nothing of what an untrusted peer says of itself", () => {
    const request = { headers: [host, ...spoofed], peer: "198.51.100.7" };
    for (const trusted of [[], ["10.0.0.0/8"], ["198.51.100.8"]]) {
      expect(told({ ...request, trusted })).toEqual(told({ ...request, headers: [host] }));
    }
  });

  it("is all that a trusted peer says, with the peer behind it", () => {
    const headers = [host, ...spoofed];
    expect(told({ headers, peer: "10.0.0.1", trusted: ["10.0.0.0/8"] })).toEqual({
      "X-Forwarded-For": "203.0.113.66, 10.0.0.1",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "evil.example",
      Forwarded:
        "for=203.0.113.66;proto=https;host=evil.example, for=10.0.0.1;proto=http;host=chat.example.com",
      "X-Request-Id": "chosen-by-client",
    });
  });

  it("names no session but the one that affinity found, whoever the peer is", () => {
    const made = { headers: [host, ...spoofed], peer: "10.0.0.1" };
    for (const trusted of [[], ["10.0.0.1"]]) {
      expect(told({ ...made, trusted })).not.toHaveProperty("Ringway-Session");
      expect(told({ ...made, trusted }, "id")).toHaveProperty("Ringway-Session", "id");
    }
  });

  it("says how the client's leg is encrypted, whatever the client says", () => {
    const headers = [host, ["X-Forwarded-Proto", "http"]] as const;
    expect(told({ headers, secure: true })).toMatchObject({
      "X-Forwarded-Proto": "https",
      Forwarded: "for=192.0.2.1;proto=https;host=chat.example.com",
    });
  });

  it("names no host when the request has none", () => {
    const headers = told({});
    expect(headers).not.toHaveProperty("X-Forwarded-Host");
    expect(headers["Forwarded"]).toBe("for=192.0.2.1;proto=http");
  });

  it("names the host of an absolute target before that of the field", () => {
    expect(told({ url: "http://absolute.example/x", headers: [host] })).toMatchObject({
      "X-Forwarded-Host": "absolute.example",
    });
  });

  it.each([
    ["2001:db8::1", 'for="[2001:db8::1]"'],
    ["::1", 'for="[::1]"'],
    ["2001:db8::ffff:1.2.3.4", 'for="[2001:db8::ffff:1.2.3.4]"'],
    ["192.0.2.60", "for=192.0.2.60"],
    ["::ffff:192.0.2.60", "for=192.0.2.60"],
  ])("brackets and quotes IPv6 alone: %s is %s", (peer, element) => {
    const headers = told({ peer });
    expect(headers["Forwarded"]).toBe(`${element};proto=http`);
    expect(headers["X-Forwarded-For"]).toBe(peer.replace(/^::ffff:/, ""));
  });

  it("of a peer without an address, as at a Unix socket, is still of RFC 7239's form", () => {
    // node = "unknown" stands for what has no address (§6.3); a value is never empty (§4).
    expect(told({ peer: "", headers: [host] })["Forwarded"]).toBe(
      "for=unknown;proto=http;host=chat.example.com",
    );
  });

  it.each([
    ["a port", "chat.example.com:8443", '"chat.example.com:8443"'],
    ["a quote", 'a";for=evil', '"a\\";for=evil"'],
    ["a backslash at its end", "a\\", '"a\\\\"'],
    ["a comma", "a, for=evil", '"a, for=evil"'],
    ["nothing in it", "", '""'],
  ])("quotes a host with %s, so that it ends nothing", (_, name, value) => {
    expect(told({ headers: [["Host", name]] })["Forwarded"]).toBe(
      `for=192.0.2.1;proto=http;host=${value}`,
    );
  });

  it("can be read back, whatever the host holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii" }), (name) => {
        const forwarded = told({ headers: [["Host", name]] })["Forwarded"] ?? "";
        const element = /^for=192\.0\.2\.1;proto=http;host=(?:"((?:[^"\\]|\\[^])*)"|([^",;\s]+))$/;
        const read = element.exec(forwarded);
        expect(read?.[2] ?? read?.[1]?.replaceAll(/\\([^])/g, "$1")).toBe(name);
      }),
    );
  });
});

describe("the client behind trusted proxies", () => {
  const trusted = new Set(["10.0.0.1", "10.0.0.2", "2001:db8::1"]);
  const behind = (forwardedFor: string | undefined): string =>
    clientBehind("10.0.0.1", forwardedFor, (address) => trusted.has(address));

  it.each([
    [undefined, "10.0.0.1"],
    ["", "10.0.0.1"],
    [" , ", "10.0.0.1"],
    ["198.51.100.7", "198.51.100.7"],
    ["198.51.100.7, 10.0.0.2", "198.51.100.7"],
    ["198.51.100.7,10.0.0.2,  2001:db8::1", "198.51.100.7"],
    ["2001:db8::7, 10.0.0.2", "2001:db8::7"],
    ["made-up, 198.51.100.7, 10.0.0.2", "198.51.100.7"],
    ["10.0.0.2, 198.51.100.7", "198.51.100.7"],
    ["10.0.0.2, 2001:db8::1", "10.0.0.2"],
    ["198.51.100.7, , 10.0.0.2", "10.0.0.2"],
    ["198.51.100.7,", "10.0.0.1"],
  ])("is, of %j, %s", (forwardedFor, client) => {
    expect(behind(forwardedFor)).toBe(client);
  });

  it("is never what stands left of the last untrusted hop, whatever that is", () => {
    const anything = fc.array(fc.string({ unit: "binary-ascii" }), { maxLength: 4 });
    fc.assert(
      fc.property(anything, fc.nat(3), (madeUp, proxies) => {
        const own = ["198.51.100.7", ...Array.from({ length: proxies }, () => "10.0.0.2")];
        expect(behind([...madeUp, ...own].join(", "))).toBe("198.51.100.7");
      }),
    );
  });
});
