import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findSession, type Session } from "../../src/proxy/affinity.ts";
import type { AffinityContext } from "../../src/proxy/affinity/affinity-source.ts";
import { affinityEntry, affinitySource } from "../../src/proxy/affinity/index.ts";
import { signValue, verifyValue } from "../../src/wire/cookie.ts";
import { countingRandom, madeUpRequest, type MadeUpRequest } from "../support/made-up-request.ts";

const SECRET = "the newest secret";
const pool = { name: "chat", secret: SECRET };
const context: AffinityContext = { pool: "chat", secrets: [SECRET], random: countingRandom() };

/** The session of a request in a pool whose `affinity` has these entries, as a file writes them. */
function sessionOf(entries: unknown[], made: MadeUpRequest, at = pool): Session | undefined {
  const sources = entries.map((entry) =>
    affinitySource(affinityEntry.parse(entry), { ...context, pool: at.name }),
  );
  return findSession(sources, madeUpRequest(made), at);
}

function cookie(value: string): MadeUpRequest {
  return { headers: [["Cookie", value]] };
}

const byHeader = { headers: [["X-User-Id", "ann"]] } as const;

describe("a session's id", () => {
  it("is the same at each reconnect, whatever else the request holds", () => {
    const first = sessionOf(["ip"], { peer: "198.51.100.7" });
    const again = {
      url: "/other?x=y",
      headers: [["Cookie", "a=b"]],
      peer: "198.51.100.7",
      secure: true,
    } as const;
    expect(sessionOf(["ip"], again)).toEqual(first);
  });

  it("is the same as it has always been: a release may not move every session", () => {
    expect(sessionOf([{ header: "x-user-id" }], byHeader)?.id).toBe("sz2fTmUcCuMZ3LCJgx5rhL");
    expect(sessionOf(["ip"], { peer: "198.51.100.7" })?.id).toBe("TX_iB8fLX0Bv3sqKo5HQIl");
  });

  it("is 132 bits in base64url, and shows nothing of the value", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (value) => {
        const headers = [["X-User-Id", value]] as const;
        expect(sessionOf([{ header: "x-user-id" }], { headers })?.id).toMatch(
          /^[A-Za-z0-9_-]{22}$/,
        );
      }),
    );
  });

  it("is another for each value", () => {
    const values = Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    expect(new Set(values.map((peer) => sessionOf(["ip"], { peer })?.id)).size).toBe(2000);
  });

  it("is another in another pool", () => {
    const other = sessionOf(["ip"], {}, { name: "chat2", secret: SECRET });
    expect(other?.id).not.toBe(sessionOf(["ip"], {})?.id);
  });

  it("is another under another secret: a client cannot compute it", () => {
    const other = sessionOf(["ip"], {}, { name: "chat", secret: "another secret" });
    expect(other?.id).not.toBe(sessionOf(["ip"], {})?.id);
  });

  it("is another for each source, though they yield equal values", () => {
    const made: MadeUpRequest = {
      url: "/?session=10.0.0.1",
      peer: "10.0.0.1",
      headers: [
        ["Cookie", "a=10.0.0.1; b=10.0.0.1"],
        ["X-A", "10.0.0.1"],
        ["X-B", "10.0.0.1"],
      ],
    };
    const entries = [
      "ip",
      { header: "x-a" },
      { header: "x-b" },
      { cookie: { name: "a" } },
      { cookie: { name: "b" } },
      { token: { query: "session" } },
    ];
    const ids = entries.map((entry) => sessionOf([entry], made)?.id);
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(entries.length);
  });

  it("does not change when a pool's name and a value trade letters", () => {
    const a = sessionOf(
      [{ header: "x" }],
      { headers: [["X", "ab"]] },
      { name: "p", secret: SECRET },
    );
    const b = sessionOf(
      [{ header: "x" }],
      { headers: [["X", "b"]] },
      { name: "pa", secret: SECRET },
    );
    expect(a?.id).not.toBe(b?.id);
  });
});

describe("the sources of a pool", () => {
  const entries = [
    { token: { query: "session" } },
    { cookie: { name: "sid" } },
    { header: "x-user-id" },
    "ip",
  ];

  it("are asked in order: the first that has a value names the session", () => {
    const all: MadeUpRequest = {
      url: "/?session=t",
      headers: [
        ["Cookie", "sid=c"],
        ["X-User-Id", "h"],
      ],
    };
    expect(sessionOf(entries, all)?.source).toBe("token");
    expect(sessionOf(entries, { ...all, url: "/" })?.source).toBe("cookie:sid");
    expect(sessionOf(entries, byHeader)?.source).toBe("header:x-user-id");
    expect(sessionOf(entries, {})?.source).toBe("ip");
    expect(sessionOf(entries.toReversed(), all)?.source).toBe("ip");
  });

  it("pass over what is empty", () => {
    const empty: MadeUpRequest = {
      url: "/?session=",
      headers: [
        ["Cookie", 'sid=""'],
        ["X-User-Id", ""],
      ],
    };
    expect(sessionOf(entries, empty)?.source).toBe("ip");
  });

  it("name no session when none has a value, or there is none", () => {
    expect(sessionOf(entries.slice(0, 3), {})).toBeUndefined();
    expect(sessionOf([], {})).toBeUndefined();
  });

  it("name the same session as they did alone", () => {
    expect(sessionOf(entries, byHeader)).toEqual(sessionOf([{ header: "x-user-id" }], byHeader));
  });
});

describe("a token", () => {
  it("is the same session by header and by query", () => {
    const inQuery = sessionOf([{ token: { query: "session" } }], { url: "/ws?session=a%20b" });
    const inHeader = sessionOf([{ token: { header: "x-session" } }], {
      headers: [["X-Session", "a b"]],
    });
    expect(inQuery).toEqual(inHeader);
    expect(inQuery?.source).toBe("token");
  });

  it("is not looked for in the body of another parameter", () => {
    const url = "/ws?other=session%3Dx&xsession=y";
    expect(sessionOf([{ token: { query: "session" } }], { url })).toBeUndefined();
  });
});

describe("a header", () => {
  it("is found whatever the letters of its name, here and in the configuration", () => {
    const session = sessionOf([{ header: "x-user-id" }], byHeader);
    expect(sessionOf([{ header: "X-USER-ID" }], byHeader)).toEqual(session);
    expect(sessionOf([{ header: "x-user-id" }], { headers: [["x-USER-id", "ann"]] })).toEqual(
      session,
    );
  });
});

describe("the client's address", () => {
  it("is that behind trusted proxies, and not what an untrusted one says", () => {
    const headers = [["X-Forwarded-For", "198.51.100.7"]] as const;
    const direct = sessionOf(["ip"], { peer: "198.51.100.7" });
    expect(sessionOf(["ip"], { headers, peer: "10.0.0.1", trusted: ["10.0.0.0/8"] })).toEqual(
      direct,
    );
    expect(sessionOf(["ip"], { headers, peer: "10.0.0.1" })).toEqual(
      sessionOf(["ip"], { peer: "10.0.0.1" }),
    );
  });
});

describe("an application's cookie", () => {
  it("is read as it stands, and never set", () => {
    const session = sessionOf([{ cookie: { name: "sid" } }], cookie("a=b; sid=abc"));
    expect(session).toMatchObject({ source: "cookie:sid", setCookie: undefined });
    expect(sessionOf([{ cookie: { name: "sid" } }], cookie('sid="abc"'))).toEqual(session);
  });
});

describe("a cookie that the edge issues", () => {
  const entry = { cookie: { name: "ringway", insert: true } };
  const scope = "chat\0ringway";

  function valueIn(setCookie: string | undefined): string {
    return /^ringway=([^;]+); Path=\/; HttpOnly/.exec(setCookie ?? "")?.[1] ?? "";
  }

  it("is issued to who has none, and leads to the same session when it comes back", () => {
    const issued = sessionOf([entry], {});
    const value = valueIn(issued?.setCookie);
    expect(verifyValue(value, scope, [SECRET])).toMatch(/^[A-Za-z0-9_-]{22}$/);
    const back = sessionOf([entry], cookie(`a=b; ringway=${value}`));
    expect(back).toEqual({ id: issued?.id, source: "cookie:ringway", setCookie: undefined });
  });

  it("is another for each who has none", () => {
    const values = Array.from({ length: 20 }, () => valueIn(sessionOf([entry], {})?.setCookie));
    expect(new Set(values).size).toBe(20);
  });

  it("is for TLS alone where the client's leg is encrypted", () => {
    expect(sessionOf([entry], {})?.setCookie).not.toContain("Secure");
    expect(sessionOf([entry], { secure: true })?.setCookie).toMatch(/; Secure$/);
  });

  it.each([
    ["not signed", "chosen"],
    ["empty", ""],
    ["signed with another secret", signValue("chosen", scope, "another secret")],
    ["signed for another pool", signValue("chosen", "game\0ringway", SECRET)],
    ["signed for another cookie", signValue("chosen", "chat\0other", SECRET)],
    ["of another value with this signature", `x${signValue("chosen", scope, SECRET)}`],
  ])("is replaced when it is %s", (_, forged) => {
    const session = sessionOf([entry], cookie(`ringway=${forged}`));
    expect(valueIn(session?.setCookie)).not.toBe("");
    const chosen = sessionOf([entry], cookie(`ringway=${signValue("chosen", scope, SECRET)}`));
    expect(chosen?.setCookie).toBeUndefined();
    expect(session?.id).not.toBe(chosen?.id);
  });

  it("is still accepted under an older secret, and signed with the newest", () => {
    const secrets = [SECRET, "the older secret"];
    const source = affinitySource(affinityEntry.parse(entry), { ...context, secrets });
    const old = signValue("kept", scope, "the older secret");
    expect(source.find(madeUpRequest(cookie(`ringway=${old}`)))).toEqual({ value: "kept" });
    const fresh = valueIn(source.find(madeUpRequest())?.setCookie);
    expect(verifyValue(fresh, scope, [SECRET])).toBeDefined();
  });
});

describe("an affinity entry of a configuration", () => {
  it.each([
    "cookie",
    "",
    {},
    { ip: true },
    { header: "" },
    { header: "two words" },
    { header: "a:b" },
    { cookie: { name: "a b" } },
    { cookie: { name: "a=b" } },
    { cookie: { name: "" } },
    { cookie: { name: "a", inserted: true } },
    { token: {} },
    { token: { query: "" } },
    { token: { query: "a", header: "b" } },
    { header: "a", cookie: { name: "b" } },
  ])("is refused as %j", (entry) => {
    expect(affinityEntry.safeParse(entry).success).toBe(false);
  });
});
