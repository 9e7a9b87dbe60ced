import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTarget, queryValue } from "../../src/wire/target.ts";

function pathOf(target: string): string | undefined {
  return parseTarget(target)?.path;
}

describe("a request target", () => {
  it.each([
    ["/", { origin: "/", path: "/", query: "" }],
    ["/ws", { origin: "/ws", path: "/ws", query: "" }],
    ["/ws?", { origin: "/ws?", path: "/ws", query: "" }],
    ["/ws?a=b?c", { origin: "/ws?a=b?c", path: "/ws", query: "a=b?c" }],
    ["/a?x=/../b", { origin: "/a?x=/../b", path: "/a", query: "x=/../b" }],
  ])("in origin form is path and query: %s", (target, parts) => {
    expect(parseTarget(target)).toEqual({ ...parts, authority: undefined });
  });

  it.each([
    ["http://host", { origin: "/", path: "/", query: "", authority: "host" }],
    ["http://host:80/", { origin: "/", path: "/", query: "", authority: "host:80" }],
    ["HTTPS://Host/ws?a=b", { origin: "/ws?a=b", path: "/ws", query: "a=b", authority: "Host" }],
    ["http://host?a=/b", { origin: "/?a=/b", path: "/", query: "a=/b", authority: "host" }],
    ["http://[::1]:9/x", { origin: "/x", path: "/x", query: "", authority: "[::1]:9" }],
  ])("in absolute form has an authority too: %s", (target, parts) => {
    expect(parseTarget(target)).toEqual(parts);
  });

  it.each([
    "",
    "*",
    "ws",
    "?a=b",
    "host:443",
    "http:",
    "http:/",
    "http://",
    "http:///path",
    "http://?a",
    "ftp://host/",
    "ws://host/",
    "file:///etc/passwd",
    " /ws",
    "\\ws",
    "http://host/a#b",
  ])("is refused in another form: %j", (target) => {
    expect(parseTarget(target)).toBeUndefined();
  });

  it.each(["/a#b", "/a#/../b", "/#"])(
    "is refused with a fragment, which is none of its parts: %s",
    (target) => {
      // RFC 9112 §3.2.1; a backend that parses it as a URL would see another path than the route.
      expect(parseTarget(target)).toBeUndefined();
    },
  );

  it("is sent on in the very letters in which it came", () => {
    fc.assert(
      fc.property(fc.webPath(), fc.webQueryParameters(), (path, query) => {
        const target = `${path.startsWith("/") ? path : `/${path}`}?${query}`;
        expect(parseTarget(target)?.origin).toBe(target);
        expect(parseTarget(`http://host${target}`)?.origin).toBe(target);
        expect(parseTarget(target)?.query).toBe(query);
      }),
    );
  });

  it("never throws, whatever it holds", () => {
    const likely = fc.constantFrom(
      "/",
      "..",
      ".",
      "%2e",
      "%",
      "\\",
      "?",
      "#",
      "http://",
      "@",
      ":",
      "//",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(likely, fc.string({ unit: "binary" }))), (parts) => {
        const parsed = parseTarget(parts.join(""));
        if (parsed === undefined) return;
        expect(parsed.origin.startsWith("/")).toBe(true);
        expect(parsed.path.startsWith("/")).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the path that routes see", () => {
  it.each([
    ["/public/../admin", "/admin"],
    ["/public/./admin", "/public/admin"],
    ["/public/%2e%2e/admin", "/admin"],
    ["/public/%2E%2E/admin", "/admin"],
    ["/public/.%2e/admin", "/admin"],
    ["/public/%2e./admin", "/admin"],
    ["/public/%2e/admin", "/public/admin"],
    ["/public\\..\\admin", "/admin"],
    ["/public/..", "/"],
    ["/../../admin", "/admin"],
    ["/a/../../../b/../admin", "/admin"],
    ["/admin/.", "/admin/"],
    ["http://host/public/../admin", "/admin"],
  ])("is resolved: %s is %s", (target, path) => {
    expect(pathOf(target)).toBe(path);
  });

  it.each([
    "/...",
    "/a/..b",
    "/a..",
    "/.well-known/x",
    "/a;b=c",
    "/100%",
    "/a%20b",
    "/caf%C3%A9",
    "/a%2Fb",
    "/a%2f..%2Fb",
    "/a%3Fb%23c%25d",
  ])("keeps what only looks like dots, or like escapes: %s", (target) => {
    expect(pathOf(target)).toBe(target);
  });

  it("never holds a dot segment, however it was spelled", () => {
    const segment = fc.constantFrom("a", ".", "..", "%2e", "%2E%2e", ".%2e", "", "b");
    const slash = fc.constantFrom("/", "\\");
    fc.assert(
      fc.property(fc.array(fc.tuple(slash, segment), { minLength: 1 }), (parts) => {
        const path = pathOf(`/${parts.flat().join("")}`) ?? "";
        const segments = path.toLowerCase().replaceAll("%2e", ".").split(/[/\\]/);
        expect(segments).not.toContain(".");
        expect(segments).not.toContain("..");
      }),
      { numRuns: 500 },
    );
  });

  it.each(["/a/%2%65%2%65/admin", "/a/%%32e%%32e/admin"])(
    "is decoded once: %s is not /admin",
    (target) => {
      // What decoding leaves may look like an escape again; no backend decodes it a second time.
      expect(pathOf(target)?.startsWith("/a/")).toBe(true);
    },
  );

  it.each([
    ["/%61dmin", "/admin"],
    ["/ad%6Din", "/admin"],
    ["/admin%2Dpanel%5F1%7E", "/admin-panel_1~"],
    ["/%77%73/room", "/ws/room"],
  ])("is the same with unreserved letters escaped: %s is %s", (target, path) => {
    // RFC 3986 §6.2.2.2: backends decode them, so a route that is strict about `/admin` has to.
    expect(pathOf(target)).toBe(path);
  });
});

describe("a query parameter", () => {
  it.each([
    ["token=abc", "abc"],
    ["a=1&token=abc&b=2", "abc"],
    ["token=1&token=2", "1"],
    ["token=", ""],
    ["token", ""],
    ["token=a%20b%2Bc", "a b+c"],
    ["token=a+b", "a b"],
    ["t%6Fken=abc", "abc"],
    ["token=a=b", "a=b"],
    ["token=%zz", "%zz"],
  ])("in %s is %j", (query, value) => {
    expect(queryValue(query, "token")).toBe(value);
  });

  it.each(["", "a=b", "xtoken=1", "tokens=1", "Token=1", "a=token", "a=token=1", "token[]=1"])(
    "is not found in %j",
    (query) => {
      expect(queryValue(query, "token")).toBeUndefined();
    },
  );

  it("is what URLSearchParams has written, whatever it holds", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, text, (name, value) => {
        const query = new URLSearchParams([
          [`x${name}`, "first"],
          [name, value],
          [name, "third"],
        ]);
        expect(queryValue(query.toString(), name)).toBe(value);
      }),
    );
  });
});
