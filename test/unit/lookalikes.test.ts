import { describe, expect, it } from "vitest";
import { isForwardingHeader } from "../../src/wire/forwarded.ts";
import { parseTarget } from "../../src/wire/target.ts";
import { madeUpRequest } from "../support/made-up-request.ts";

/** What reads as one thing here and as another at the next hop. */
describe("a name or address in another spelling", () => {
  it("with underscores is as forbidden to clients as the edge's own names", () => {
    for (const name of ["ringway_session", "x_forwarded_for", "x_request-id", "ringway-_x"]) {
      expect(isForwardingHeader(name), name).toBe(true);
    }
    for (const name of ["x_custom", "ringwaysession", "_ringway-session"]) {
      expect(isForwardingHeader(name), name).toBe(false);
    }
  });

  it("with slashes repeated is the same path to a route", () => {
    expect(parseTarget("//admin///x?a=//b")).toMatchObject({ path: "/admin/x", query: "a=//b" });
    expect(parseTarget("/a/..//admin")).toMatchObject({ path: "/admin" });
  });

  it("with the dot of an absolute name is the same host to a route", () => {
    for (const host of ["chat.example.com.", "Chat.Example.com.:8443", "chat.example.com:"]) {
      const { hostname } = madeUpRequest({ headers: [["Host", host]] });
      expect(hostname, host).toBe("chat.example.com");
    }
  });

  it("with user information is no target", () => {
    expect(parseTarget("http://example.com@evil.example/")).toBeUndefined();
  });
});

describe("what a trusted proxy says in its own spelling", () => {
  const trusted = { peer: "10.0.0.1", trusted: ["10.0.0.0/8"] };

  it.each([
    ["203.0.113.7:4711", "203.0.113.7"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["203.0.113.7, 10.0.0.9:80", "203.0.113.7"],
    ["nonsense:1", "10.0.0.1"],
  ])("as X-Forwarded-For: %s names the client %s", (field, client) => {
    const headers: [string, string][] = [["X-Forwarded-For", field]];
    expect(madeUpRequest({ ...trusted, headers }).clientIp).toBe(client);
  });

  it.each([
    ["HTTPS", true],
    ["http, https", true],
    ["https, http", false],
    ["http", false],
  ])("as X-Forwarded-Proto: %s makes the client's leg secure: %s", (field, secure) => {
    const headers: [string, string][] = [["X-Forwarded-Proto", field]];
    expect(madeUpRequest({ ...trusted, headers }).secure).toBe(secure);
  });
});
