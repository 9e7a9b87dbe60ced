import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findSession, type Session } from "../../src/proxy/affinity.ts";
import type {
  AffinityContext,
  AffinityValue,
  Subject,
} from "../../src/proxy/affinity/affinity-source.ts";
import { affinityEntry, affinitySource } from "../../src/proxy/affinity/index.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { signValue, verifyValue } from "../../src/wire/cookie.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { countingRandom, madeUpRequest, type MadeUpRequest } from "../support/made-up-request.ts";

const SECRET = "the newest secret";
const pool = { name: "chat", sessionKey: SECRET };
const context: AffinityContext = {
  pool: "chat",
  secrets: [SECRET],
  directory: ".",
  random: countingRandom(),
  clock: new FakeClock(),
  logger: silentLogger,
};

/** The session of a request in a pool whose `affinity` has these entries, as a file writes them. */
async function sessionOf(
  entries: unknown[],
  made: MadeUpRequest,
  at = pool,
): Promise<Session | undefined> {
  const sources = await Promise.all(
    entries.map((entry) =>
      affinitySource(affinityEntry.parse(entry), { ...context, pool: at.name }),
    ),
  );
  const session = await findSession(sources, subjectOf(made), at);
  if (session === "token_rejected") throw new Error("the token was rejected");
  return session;
}

function subjectOf(made: MadeUpRequest = {}): Subject {
  const request = madeUpRequest(made);
  return { clientIp: request.clientIp, servername: undefined, request };
}

function cookie(value: string): MadeUpRequest {
  return { headers: [["Cookie", value]] };
}

const byHeader = { headers: [["X-User-Id", "ann"]] } as const;

describe("a session's id", () => {
  it("is the same at each reconnect, whatever else the request holds", async () => {
    const first = await sessionOf(["ip"], { peer: "198.51.100.7" });
    const again = {
      url: "/other?x=y",
      headers: [["Cookie", "a=b"]],
      peer: "198.51.100.7",
      secure: true,
    } as const;
    expect(await sessionOf(["ip"], again)).toEqual(first);
  });

  it("is the same as it has always been: a release may not move every session", async () => {
    expect((await sessionOf([{ header: "x-user-id" }], byHeader))?.id).toBe(
      "sz2fTmUcCuMZ3LCJgx5rhL",
    );
    expect((await sessionOf(["ip"], { peer: "198.51.100.7" }))?.id).toBe("TX_iB8fLX0Bv3sqKo5HQIl");
  });

  it("is 132 bits in base64url, and shows nothing of the value", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), async (value) => {
        const headers = [["X-User-Id", value]] as const;
        expect((await sessionOf([{ header: "x-user-id" }], { headers }))?.id).toMatch(
          /^[A-Za-z0-9_-]{22}$/,
        );
      }),
    );
  });

  it("is another for each value", async () => {
    const values = Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const ids = await Promise.all(
      values.map(async (peer) => (await sessionOf(["ip"], { peer }))?.id),
    );
    expect(new Set(ids).size).toBe(2000);
  });

  it("is another in another pool", async () => {
    const other = await sessionOf(["ip"], {}, { name: "chat2", sessionKey: SECRET });
    expect(other?.id).not.toBe((await sessionOf(["ip"], {}))?.id);
  });

  it("is another under another secret: a client cannot compute it", async () => {
    const other = await sessionOf(["ip"], {}, { name: "chat", sessionKey: "another secret" });
    expect(other?.id).not.toBe((await sessionOf(["ip"], {}))?.id);
  });

  it("is another for each source, though they yield equal values", async () => {
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
    const ids = await Promise.all(
      entries.map(async (entry) => (await sessionOf([entry], made))?.id),
    );
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(entries.length);
  });

  it("does not change when a pool's name and a value trade letters", async () => {
    const a = await sessionOf(
      [{ header: "x" }],
      { headers: [["X", "ab"]] },
      { name: "p", sessionKey: SECRET },
    );
    const b = await sessionOf(
      [{ header: "x" }],
      { headers: [["X", "b"]] },
      { name: "pa", sessionKey: SECRET },
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

  it("are asked in order: the first that has a value names the session", async () => {
    const all: MadeUpRequest = {
      url: "/?session=t",
      headers: [
        ["Cookie", "sid=c"],
        ["X-User-Id", "h"],
      ],
    };
    expect((await sessionOf(entries, all))?.source).toBe("token");
    expect((await sessionOf(entries, { ...all, url: "/" }))?.source).toBe("cookie:sid");
    expect((await sessionOf(entries, byHeader))?.source).toBe("header:x-user-id");
    expect((await sessionOf(entries, {}))?.source).toBe("ip");
    expect((await sessionOf(entries.toReversed(), all))?.source).toBe("ip");
  });

  it("pass over what is empty", async () => {
    const empty: MadeUpRequest = {
      url: "/?session=",
      headers: [
        ["Cookie", 'sid=""'],
        ["X-User-Id", ""],
      ],
    };
    expect((await sessionOf(entries, empty))?.source).toBe("ip");
  });

  it("name no session when none has a value, or there is none", async () => {
    expect(await sessionOf(entries.slice(0, 3), {})).toBeUndefined();
    expect(await sessionOf([], {})).toBeUndefined();
  });

  it("name the same session as they did alone", async () => {
    expect(await sessionOf(entries, byHeader)).toEqual(
      await sessionOf([{ header: "x-user-id" }], byHeader),
    );
  });
});

describe("a token", () => {
  it("is the same session by header and by query", async () => {
    const inQuery = await sessionOf([{ token: { query: "session" } }], {
      url: "/ws?session=a%20b",
    });
    const inHeader = await sessionOf([{ token: { header: "x-session" } }], {
      headers: [["X-Session", "a b"]],
    });
    expect(inQuery).toEqual(inHeader);
    expect(inQuery?.source).toBe("token");
  });

  it("is not looked for in the body of another parameter", async () => {
    const url = "/ws?other=session%3Dx&xsession=y";
    expect(await sessionOf([{ token: { query: "session" } }], { url })).toBeUndefined();
  });
});

describe("a header", () => {
  it("is found whatever the letters of its name, here and in the configuration", async () => {
    const session = await sessionOf([{ header: "x-user-id" }], byHeader);
    expect(await sessionOf([{ header: "X-USER-ID" }], byHeader)).toEqual(session);
    expect(await sessionOf([{ header: "x-user-id" }], { headers: [["x-USER-id", "ann"]] })).toEqual(
      session,
    );
  });
});

describe("the client's address", () => {
  it("is that behind trusted proxies, and not what an untrusted one says", async () => {
    const headers = [["X-Forwarded-For", "198.51.100.7"]] as const;
    const direct = await sessionOf(["ip"], { peer: "198.51.100.7" });
    expect(await sessionOf(["ip"], { headers, peer: "10.0.0.1", trusted: ["10.0.0.0/8"] })).toEqual(
      direct,
    );
    expect(await sessionOf(["ip"], { headers, peer: "10.0.0.1" })).toEqual(
      await sessionOf(["ip"], { peer: "10.0.0.1" }),
    );
  });
});

describe("an application's cookie", () => {
  it("is read as it stands, and never set", async () => {
    const session = await sessionOf([{ cookie: { name: "sid" } }], cookie("a=b; sid=abc"));
    expect(session).toMatchObject({ source: "cookie:sid", setCookie: undefined });
    expect(await sessionOf([{ cookie: { name: "sid" } }], cookie('sid="abc"'))).toEqual(session);
  });
});

describe("a cookie that the edge issues", () => {
  const entry = { cookie: { name: "ringway", insert: true } };
  const scope = "chat\0ringway";

  function valueIn(setCookie: string | undefined): string {
    return /^ringway=([^;]+); Path=\/; HttpOnly/.exec(setCookie ?? "")?.[1] ?? "";
  }

  it("is issued to who has none, and leads to the same session when it comes back", async () => {
    const issued = await sessionOf([entry], {});
    const value = valueIn(issued?.setCookie);
    expect(verifyValue(value, scope, [SECRET])).toMatch(/^[A-Za-z0-9_-]{22}$/);
    const back = await sessionOf([entry], cookie(`a=b; ringway=${value}`));
    expect(back).toMatchObject({ id: issued?.id, source: "cookie:ringway", setCookie: undefined });
  });

  it("is another for each who has none", async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => sessionOf([entry], {})));
    const values = sessions.map((session) => valueIn(session?.setCookie));
    expect(new Set(values).size).toBe(20);
  });

  it("is for TLS alone where the client's leg is encrypted", async () => {
    expect((await sessionOf([entry], {}))?.setCookie).not.toContain("Secure");
    expect((await sessionOf([entry], { secure: true }))?.setCookie).toMatch(/; Secure$/);
  });

  it.each([
    ["not signed", "chosen"],
    ["empty", ""],
    ["signed with another secret", signValue("chosen", scope, "another secret")],
    ["signed for another pool", signValue("chosen", "game\0ringway", SECRET)],
    ["signed for another cookie", signValue("chosen", "chat\0other", SECRET)],
    ["of another value with this signature", `x${signValue("chosen", scope, SECRET)}`],
  ])("is replaced when it is %s", async (_, forged) => {
    const session = await sessionOf([entry], cookie(`ringway=${forged}`));
    expect(valueIn(session?.setCookie)).not.toBe("");
    const chosen = await sessionOf(
      [entry],
      cookie(`ringway=${signValue("chosen", scope, SECRET)}`),
    );
    expect(chosen?.setCookie).toBeUndefined();
    expect(session?.id).not.toBe(chosen?.id);
  });

  it("keeps its value under an older secret, and is signed anew with the newest", async () => {
    const secrets = [SECRET, "the older secret"];
    const source = await affinitySource(affinityEntry.parse(entry), { ...context, secrets });
    const old = signValue("kept", scope, "the older secret");
    const found = await source.find(subjectOf(cookie(`ringway=${old}`)));
    const { value, setCookie } = found as AffinityValue;
    expect(value).toBe("kept");
    expect(verifyValue(valueIn(setCookie), scope, [SECRET])).toBe("kept");
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
