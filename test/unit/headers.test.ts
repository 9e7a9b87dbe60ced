import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eachHeader, isHopByHop, listMembers, valuesOf } from "../../src/wire/headers.ts";

describe("the members of a list field", () => {
  it.each([
    [undefined, []],
    ["", []],
    [" , ,\t, ", []],
    ["close", ["close"]],
    ["Keep-Alive, Upgrade", ["keep-alive", "upgrade"]],
    [" a ,\tb\t,,c", ["a", "b", "c"]],
    ["a b, c", ["a b", "c"]],
    ["a,a", ["a", "a"]],
  ])("of %j are %j", (value, members) => {
    expect(listMembers(value)).toEqual(members);
  });

  it("never hold a comma, an upper-case letter or a blank at an end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom(",", " ", "A", "\t"))),
        (parts) => {
          for (const member of listMembers(parts.join(""))) {
            expect(member).not.toContain(",");
            expect(member).toBe(member.trim().toLowerCase());
            expect(member).not.toBe("");
          }
        },
      ),
    );
  });
});

describe("raw headers", () => {
  const raw = ["Host", "a", "X-Y", "1", "x-y", "2", "X-Y-Z", "3", "X-Y", ""];

  it("yield all values of a name in order, whatever its letters", () => {
    expect(valuesOf(raw, "x-y")).toEqual(["1", "2", ""]);
    expect(valuesOf(raw, "host")).toEqual(["a"]);
    expect(valuesOf(raw, "absent")).toEqual([]);
  });

  it("never take a value for a name", () => {
    expect(valuesOf(["a", "b", "c", "d"], "b")).toEqual([]);
  });

  it("are pairs, in order; a name without a value is none", () => {
    expect([...eachHeader(["a", "1", "B", "2", "c"])]).toEqual([
      ["a", "1"],
      ["B", "2"],
    ]);
    expect([...eachHeader([])]).toEqual([]);
  });
});

describe("fields of one connection", () => {
  it.each([
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authorization",
  ])("hold %s", (name) => {
    expect(isHopByHop(name)).toBe(true);
  });

  it.each([
    "host",
    "cookie",
    "set-cookie",
    "content-length",
    "authorization",
    "sec-websocket-key",
    "sec-websocket-extensions",
    "x-forwarded-for",
    "upgrade-insecure-requests",
    "constructor",
    "",
  ])("do not hold %j", (name) => {
    expect(isHopByHop(name)).toBe(false);
  });
});
