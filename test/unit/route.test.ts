import { describe, expect, it } from "vitest";
import { findRoute, originAllowed, type RouteOptions } from "../../src/proxy/route.ts";
import { madeUpRequest, type MadeUpRequest } from "../support/made-up-request.ts";

function takes(route: Omit<RouteOptions, "pool">, made: MadeUpRequest): boolean {
  return findRoute([{ ...route, pool: "p" }], madeUpRequest(made)) !== undefined;
}

function toHost(host: string, url = "/"): MadeUpRequest {
  return { url, headers: [["Host", host]] };
}

describe("a route's host", () => {
  it.each(["chat.example.com", "CHAT.example.com", "chat.example.com:8443", "Chat.Example.Com:"])(
    "takes %s, whatever letters and port",
    (host) => {
      expect(takes({ host: "chat.example.com" }, toHost(host))).toBe(true);
    },
  );

  it.each([
    "example.com",
    "a.chat.example.com",
    "chat.example.com.evil.com",
    "xchat.example.com",
    "",
  ])("does not take %j for another", (host) => {
    expect(takes({ host: "chat.example.com" }, toHost(host))).toBe(false);
  });

  it.each(["a.example.com", "a.b.example.com", "A.EXAMPLE.COM:1"])(
    "with a star takes %s",
    (host) => {
      expect(takes({ host: "*.example.com" }, toHost(host))).toBe(true);
    },
  );

  it.each([
    "example.com",
    ".example.com",
    "aexample.com",
    "evilexample.com",
    "a.example.com.evil.com",
    "*",
  ])("with a star does not take %s", (host) => {
    expect(takes({ host: "*.example.com" }, toHost(host))).toBe(false);
  });

  it("does not take a request without one", () => {
    expect(takes({ host: "chat.example.com" }, {})).toBe(false);
    expect(takes({ host: "*.example.com" }, {})).toBe(false);
    expect(takes({}, {})).toBe(true);
  });

  it("is that of an absolute target, which overrides the field", () => {
    const made = toHost("evil.example", "http://chat.example.com/");
    expect(takes({ host: "chat.example.com" }, made)).toBe(true);
    expect(takes({ host: "evil.example" }, made)).toBe(false);
  });

  it("may be an IPv6 address", () => {
    expect(takes({ host: "[2001:db8::1]" }, toHost("[2001:DB8::1]:8443"))).toBe(true);
  });
});

describe("a route's path", () => {
  it.each(["/ws", "/ws/", "/ws/a/b", "/ws?x=/other", "/other/../ws", "/%2e%2e/ws/a", "/ws/a/.."])(
    "takes itself and all below it: %s",
    (url) => {
      expect(takes({ path: "/ws" }, { url })).toBe(true);
    },
  );

  it.each(["/", "/wsx", "/ws.html", "/w", "/WS", "/a/ws", "/ws/..", "/ws/%2E%2e/admin", "/?/ws"])(
    "does not take what only looks alike: %s",
    (url) => {
      expect(takes({ path: "/ws" }, { url })).toBe(false);
    },
  );

  it("with a slash at its end takes only what is below", () => {
    expect(takes({ path: "/ws/" }, { url: "/ws/a" })).toBe(true);
    expect(takes({ path: "/ws/" }, { url: "/ws/" })).toBe(true);
    expect(takes({ path: "/ws/" }, { url: "/ws" })).toBe(false);
  });

  it("of a mere slash takes all", () => {
    for (const url of ["/", "/a", "//", "/a/b?c"]) expect(takes({ path: "/" }, { url })).toBe(true);
  });
});

describe("a route's headers", () => {
  const route = { headers: { "x-tier": "gold", "x-beta": "1" } };

  it("take a request that has them all, with the exact values", () => {
    expect(
      takes(route, {
        headers: [
          ["X-Tier", "gold"],
          ["X-Beta", "1"],
        ],
      }),
    ).toBe(true);
  });

  it.each<[string, (readonly [string, string])[]]>([
    ["one missing", [["X-Tier", "gold"]]],
    [
      "another value",
      [
        ["X-Tier", "Gold"],
        ["X-Beta", "1"],
      ],
    ],
    [
      "a longer value",
      [
        ["X-Tier", "gold plated"],
        ["X-Beta", "1"],
      ],
    ],
    [
      "a value twice",
      [
        ["X-Tier", "gold"],
        ["X-Tier", "gold"],
        ["X-Beta", "1"],
      ],
    ],
    ["none", []],
  ])("do not take a request with %s", (_, headers) => {
    expect(takes(route, { headers })).toBe(false);
  });
});

describe("several routes", () => {
  const routes: RouteOptions[] = [
    { host: "chat.example.com", path: "/ws", headers: { "x-tier": "gold" }, pool: "gold" },
    { host: "chat.example.com", path: "/ws", pool: "chat" },
    { host: "*.example.com", pool: "wild" },
    { path: "/ws", pool: "path" },
    { pool: "rest" },
    { path: "/never", pool: "never" },
  ];

  it.each<[string, string, [string, string][], string]>([
    ["chat.example.com", "/ws", [["X-Tier", "gold"]], "gold"],
    ["chat.example.com", "/ws", [], "chat"],
    ["chat.example.com", "/", [["X-Tier", "gold"]], "wild"],
    ["other.example.com", "/ws", [], "wild"],
    ["example.com", "/ws/a", [], "path"],
    ["example.com", "/never", [], "rest"],
  ])("are tried in order: %s%s with %j goes to %s", (host, url, headers, pool) => {
    const request = madeUpRequest({ url, headers: [["Host", host], ...headers] });
    expect(findRoute(routes, request)?.pool).toBe(pool);
  });

  it("take nothing when none matches", () => {
    expect(findRoute(routes.slice(0, 2), madeUpRequest())).toBeUndefined();
    expect(findRoute([], madeUpRequest())).toBeUndefined();
  });
});

describe("the origins of a route", () => {
  const route: RouteOptions = {
    pool: "p",
    origins: ["https://example.com", "http://localhost:3000"],
  };

  it("let in those that are named, and programs, which name none", () => {
    expect(originAllowed(route, "https://example.com")).toBe(true);
    expect(originAllowed(route, "http://localhost:3000")).toBe(true);
    expect(originAllowed(route, undefined)).toBe(true);
  });

  it.each([
    "http://example.com",
    "https://example.com:8443",
    "https://example.com.evil.com",
    "https://evil-example.com",
    "https://a.example.com",
    "https://example.com/",
    "http://localhost",
    "null",
    "",
  ])("keep out %j", (origin) => {
    expect(originAllowed(route, origin)).toBe(false);
  });

  it("let in all when none is named, and only programs when the list is empty", () => {
    expect(originAllowed({ pool: "p" }, "https://evil.example")).toBe(true);
    expect(originAllowed({ pool: "p", origins: [] }, "https://example.com")).toBe(false);
    expect(originAllowed({ pool: "p", origins: [] }, undefined)).toBe(true);
  });
});
