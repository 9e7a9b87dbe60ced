import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRequest } from "../../src/proxy/request.ts";
import { TrustedProxies } from "../../src/proxy/trusted-proxies.ts";
import {
  countingRandom,
  madeUpHead,
  madeUpRequest,
  type MadeUpRequest,
} from "../support/made-up-request.ts";

function read(made: MadeUpRequest): ReturnType<typeof readRequest> {
  const arrival = { peer: "192.0.2.1", secure: false, trustedProxies: new TrustedProxies([]) };
  return readRequest(madeUpHead(made), arrival, countingRandom());
}

describe("trusted proxies", () => {
  it("are nobody unless they are named", () => {
    const nobody = new TrustedProxies([]);
    for (const address of ["127.0.0.1", "::1", "10.0.0.1", ""])
      expect(nobody.has(address)).toBe(false);
  });

  it.each([
    ["10.0.0.1", ["10.0.0.1"], ["10.0.0.2", "110.0.0.1", "::1"]],
    ["10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]],
    ["10.1.2.3/32", ["10.1.2.3"], ["10.1.2.2", "10.1.2.4"]],
    ["192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127", "192.0.3.128"]],
    ["0.0.0.0/0", ["1.2.3.4", "255.255.255.255"], []],
    ["2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::", "10.0.0.1"]],
    ["::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2", "127.0.0.1"]],
    ["::1/128", ["::1"], ["::", "::2"]],
    // Written either way, an IPv4 address is the same (RFC 4291 §2.5.5.2).
    ["10.0.0.0/8", ["::ffff:10.0.0.1", "::ffff:a00:1"], ["::ffff:11.0.0.1"]],
  ])("named as %s are those in it and no others", (block, inside, outside) => {
    const trusted = new TrustedProxies([block]);
    for (const address of inside) expect([address, trusted.has(address)]).toEqual([address, true]);
    for (const address of outside)
      expect([address, trusted.has(address)]).toEqual([address, false]);
  });

  it("may be several, of both families", () => {
    const trusted = new TrustedProxies(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]);
    for (const address of ["10.9.9.9", "192.0.2.1", "2001:db8::5"])
      expect(trusted.has(address)).toBe(true);
    expect(trusted.has("192.0.2.2")).toBe(false);
  });

  it.each([
    "",
    "unknown",
    "_hidden",
    "10.0.0.1:80",
    "[2001:db8::1]",
    "10.0.0",
    "10.0.0.1 ",
    "010.0.0.1",
    "10.0.0.0/8",
  ])("are never %j, which is no address", (text) => {
    expect(new TrustedProxies(["0.0.0.0/0", "::/0"]).has(text)).toBe(false);
  });
});

describe("a request", () => {
  it("is read from its head and its connection", () => {
    const headers = [
      ["Host", "Chat.Example.com:8443"],
      ["X-A", "b"],
    ] as const;
    expect(read({ url: "/ws/../chat?a=b", method: "PUT", headers })).toMatchObject({
      method: "PUT",
      target: { origin: "/ws/../chat?a=b", path: "/chat", query: "a=b" },
      hostname: "chat.example.com",
      clientIp: "192.0.2.1",
      secure: false,
      rawHeaders: ["Host", "Chat.Example.com:8443", "X-A", "b"],
      path: {
        peer: "192.0.2.1",
        secure: false,
        host: "Chat.Example.com:8443",
        requestId: "uuid-1",
      },
    });
  });

  it.each(["", "*", "example.com:443", "ws", "ftp://host/"])(
    "with the target %j is none",
    (url) => {
      expect(read({ url })).toBeUndefined();
    },
  );

  it.each([
    ["example.com", "example.com"],
    ["EXAMPLE.com:80", "example.com"],
    ["example.com:", "example.com"],
    ["192.0.2.1:8080", "192.0.2.1"],
    ["[2001:DB8::1]", "[2001:db8::1]"],
    ["[2001:db8::1]:8443", "[2001:db8::1]"],
    ["", ""],
  ])("to the host %j is for %j", (host, hostname) => {
    expect(read({ headers: [["Host", host]] })?.hostname).toBe(hostname);
  });

  it("with two Host fields is none, though they be equal (RFC 9112 §3.2)", () => {
    for (const second of ["a.example", "b.example", ""]) {
      const headers = [
        ["Host", "a.example"],
        ["host", second],
      ] as const;
      expect(read({ headers })).toBeUndefined();
      expect(read({ headers, url: "http://a.example/" })).toBeUndefined();
    }
  });

  it("without a host is for none", () => {
    expect(read({})?.hostname).toBeUndefined();
  });

  it("in absolute form is for the host in its target (RFC 9112 §3.2.2)", () => {
    const request = read({
      url: "http://Real.example:81/ws",
      headers: [["Host", "other.example"]],
    });
    expect(request).toMatchObject({ hostname: "real.example", path: { host: "Real.example:81" } });
  });

  it.each([
    ["::ffff:198.51.100.7", "198.51.100.7"],
    ["198.51.100.7", "198.51.100.7"],
    ["2001:db8::7", "2001:db8::7"],
    ["::ffff:0:1", "::ffff:0:1"],
    ["::1", "::1"],
  ])("from the peer %s is from %s", (peer, clientIp) => {
    expect(madeUpRequest({ peer })).toMatchObject({ clientIp, path: { peer: clientIp } });
  });
});

describe("what a request says of its way", () => {
  const chain = [
    ["X-Forwarded-For", "198.51.100.7, 10.0.0.2"],
    ["X-Forwarded-Proto", "https"],
    ["X-Request-Id", "from-the-front"],
  ] as const;

  it("is not believed of a peer that is not trusted", () => {
    for (const trusted of [[], ["10.0.0.2"], ["198.51.100.7"], ["2001:db8::/32"]]) {
      const request = madeUpRequest({ headers: chain, peer: "192.0.2.1", trusted });
      expect(request).toMatchObject({ clientIp: "192.0.2.1", secure: false });
      expect(request.path).toMatchObject({ before: {}, requestId: "uuid-1" });
    }
  });

  it("is believed of a trusted one", () => {
    const request = madeUpRequest({ headers: chain, peer: "10.0.0.1", trusted: ["10.0.0.0/8"] });
    expect(request).toMatchObject({
      clientIp: "198.51.100.7",
      secure: true,
      path: {
        peer: "10.0.0.1",
        secure: false,
        requestId: "from-the-front",
        before: { forwardedFor: "198.51.100.7, 10.0.0.2", forwardedProto: "https" },
      },
    });
  });

  it("is believed of a trusted one that a dual-stack socket shows as mapped", () => {
    const made = { headers: chain, peer: "::ffff:10.0.0.1", trusted: ["10.0.0.0/8"] };
    expect(madeUpRequest(made)).toMatchObject({
      clientIp: "198.51.100.7",
      path: { peer: "10.0.0.1" },
    });
  });

  it("holds over several fields, in order", () => {
    const headers = [
      ["X-Forwarded-For", "made-up, 198.51.100.7"],
      ["x-forwarded-for", "10.0.0.2"],
    ] as const;
    const made = { headers, peer: "10.0.0.1", trusted: ["10.0.0.0/8"] };
    expect(madeUpRequest(made).clientIp).toBe("198.51.100.7");
  });

  it("ends at the first hop that is not trusted, though more trusted ones stand behind it", () => {
    const headers = [["X-Forwarded-For", "203.0.113.1, 10.0.0.3, 198.51.100.7, 10.0.0.2"]] as const;
    const made = { headers, peer: "10.0.0.1", trusted: ["10.0.0.0/8"] };
    expect(madeUpRequest(made).clientIp).toBe("198.51.100.7");
  });

  it.each(["unknown", "_hidden", "not an address", "999.1.1.1"])(
    "leaves the peer for client when the last hop is %j",
    (hop) => {
      const headers = [["X-Forwarded-For", `198.51.100.7, ${hop}`]] as const;
      expect(madeUpRequest({ headers, peer: "10.0.0.1", trusted: ["10.0.0.1"] }).clientIp).toBe(
        "10.0.0.1",
      );
    },
  );

  it("never makes the client anything but an address", () => {
    const hop = fc.oneof(
      fc.string(),
      fc.constantFrom("10.0.0.2", "1.2.3.4", "::1", "", "1.2.3.4:5"),
    );
    fc.assert(
      fc.property(fc.array(hop), (hops) => {
        const headers = [["X-Forwarded-For", hops.join(",")]] as const;
        const request = madeUpRequest({ headers, peer: "10.0.0.1", trusted: ["10.0.0.0/8"] });
        expect(request.clientIp).toMatch(/^[0-9a-fA-F:.]+$/);
      }),
    );
  });

  it("does not make an encrypted leg plain", () => {
    const headers = [["X-Forwarded-Proto", "http"]] as const;
    const made = { headers, peer: "10.0.0.1", trusted: ["10.0.0.1"], secure: true };
    expect(madeUpRequest(made).secure).toBe(true);
  });

  it.each(["", "two words", "x".repeat(129), "ümlaut", "new\nline"])(
    "does not keep a request id like %j, not even of a trusted peer",
    (id) => {
      const headers = [["X-Request-Id", id]] as const;
      const made = { headers, peer: "10.0.0.1", trusted: ["10.0.0.1"] };
      expect(madeUpRequest(made).path.requestId).toBe("uuid-1");
    },
  );
});
