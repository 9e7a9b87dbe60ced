import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cookieValue, setCookie, signValue, verifyValue } from "../../src/wire/cookie.ts";

const anyName = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
// The octets of RFC 6265 §4.1.1, and "=", which every browser sends as well.
const anyValue = fc.stringMatching(/^[!#-+\--:<-[\]-~]{0,20}$/);

describe("one cookie of many", () => {
  it("is found by its whole name, whatever the others are called", () => {
    const pairs = fc.uniqueArray(fc.tuple(anyName, anyValue), { selector: ([name]) => name });
    fc.assert(
      fc.property(pairs, (cookies) => {
        const header = cookies.map(([name, value]) => `${name}=${value}`).join("; ");
        for (const [name, value] of cookies) expect(cookieValue(header, name)).toBe(value);
      }),
    );
  });

  it("is not found when it is not there", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyName, anyValue)), anyName, (cookies, name) => {
        const others = cookies.filter(([other]) => other !== name);
        const header = others.map(([other, value]) => `${other}=${value}`).join("; ");
        expect(cookieValue(header, name)).toBeUndefined();
      }),
    );
  });

  it.each([
    ["alone", "sid=1", "1"],
    ["in the middle", "a=0; sid=1; b=2", "1"],
    ["without blanks between", "a=0;sid=1;b=2", "1"],
    ["with blanks and tabs between", "a=0;\t  sid=1  ;b=2", "1"],
    ["empty", "a=0; sid=; b=2", ""],
    ["empty at the end", "a=0; sid=", ""],
    ["in quotes", 'sid="1"', "1"],
    ["empty in quotes", 'sid=""', ""],
    ["with a quote at one end only", 'sid="1', '"1'],
    ["a single quote mark", 'sid="', '"'],
    ["with equals signs", "sid=a=b==", "a=b=="],
    ["behind a cookie whose name ends with its own", "xsid=0; sid=1", "1"],
    ["behind a cookie whose name begins with its own", "sidx=0; sid=1", "1"],
    ["behind a cookie that has its name for value", "a=sid; sid=1", "1"],
    ["behind a cookie that has it for value", "a=sid=0; sid=1", "1"],
    ["behind a cookie without a value", "sid; sid=1", "1"],
    ["first of several", "sid=1; sid=2; sid=3", "1"],
    ["first of several, though empty", "sid=; sid=2", ""],
  ])("is found %s", (_, header, value) => {
    expect(cookieValue(header, "sid")).toBe(value);
  });

  it.each([
    ["no field", undefined],
    ["an empty field", ""],
    ["other letters", "SID=1"],
    ["a longer name", "sidx=1"],
    ["a name with more before it", "xsid=1; -sid=1; .sid=1; $sid=1"],
    ["its name as a value", "a=sid"],
    ["it as a value", "a=sid=1"],
    ["it behind a quote", 'a="sid=1"'],
    ["its name without a value", "a=1; sid"],
    ["its name behind a comma", "a=1,sid=2"],
    ["separators only", ";;; ;=;"],
  ])("is not found in %s", (_, header) => {
    expect(cookieValue(header, "sid")).toBeUndefined();
  });

  it("is not found inside another's value, also behind a blank", () => {
    // Browsers store and send values with blanks; only ";" ends one (RFC 6265 §5.4).
    expect(cookieValue("theme=dark sid=evil", "sid")).toBeUndefined();
    expect(cookieValue("theme=dark\tsid=evil; sid=1", "sid")).toBe("1");
  });

  it("is searched for in garbage without harm", () => {
    const likely = fc.constantFrom("sid", "=", ";", " ", '"', "sid=", "\t");
    fc.assert(
      fc.property(fc.array(fc.oneof(likely, fc.string())), (parts) => {
        const value = cookieValue(parts.join(""), "sid");
        if (value !== undefined) expect(value).not.toContain(";");
      }),
      { numRuns: 1000 },
    );
  });
});

const OLD = "an old secret of some length";
const NEW = "a new secret of some length";
const signed = signValue("identifier", "pool\0sid", NEW);

describe("a signed value", () => {
  it("is read back under its scope and secret, whatever it holds", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), fc.string(), (value, scope, secret) => {
        expect(verifyValue(signValue(value, scope, secret), scope, [secret])).toBe(value);
      }),
    );
  });

  it("is a cookie's value as it stands, when what is signed is one", () => {
    expect(signed).toMatch(/^identifier\.[A-Za-z0-9_-]{22}$/);
  });

  it("keeps its dots", () => {
    expect(verifyValue(signValue("a.b.", "s", NEW), "s", [NEW])).toBe("a.b.");
  });

  it("is refused after any edit", () => {
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.string({ maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let edited = signed;
        for (const { at, remove, insert } of edits) {
          const from = at % (edited.length + 1);
          edited = edited.slice(0, from) + insert + edited.slice(from + remove);
        }
        fc.pre(edited !== signed);
        expect(verifyValue(edited, "pool\0sid", [NEW])).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  it("is refused after any exchange of one character", () => {
    for (let at = 0; at < signed.length; at++) {
      for (const other of ["A", "B", "-", "_", ".", "=", "+", "/", " ", "\0"]) {
        if (other === signed[at]) continue;
        const edited = signed.slice(0, at) + other + signed.slice(at + 1);
        expect(verifyValue(edited, "pool\0sid", [NEW])).toBeUndefined();
      }
    }
  });

  it("is refused when it is cut anywhere", () => {
    for (let length = 0; length < signed.length; length++) {
      expect(verifyValue(signed.slice(0, length), "pool\0sid", [NEW])).toBeUndefined();
      expect(verifyValue(signed.slice(length + 1), "pool\0sid", [NEW])).toBeUndefined();
    }
  });

  it("is refused in every other spelling of the same signature", () => {
    const dot = signed.lastIndexOf(".");
    const [value, mac] = [signed.slice(0, dot), signed.slice(dot + 1)];
    const bytes = Buffer.from(mac, "base64url");
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const spellings = [
      ...[...letters].map((last) => mac.slice(0, -1) + last),
      `${mac}=`,
      `${mac}==`,
      `${mac}\n`,
      ` ${mac}`,
      `${mac.slice(0, 5)} ${mac.slice(5)}`,
      bytes.toString("base64"),
    ].filter((spelling) => spelling !== mac && Buffer.from(spelling, "base64url").equals(bytes));
    // Four bits of the last letter mean nothing: 15 others decode to the same bytes.
    expect(spellings.length).toBeGreaterThanOrEqual(15 + 5);
    for (const spelling of spellings) {
      expect(verifyValue(`${value}.${spelling}`, "pool\0sid", [NEW])).toBeUndefined();
    }
  });

  it("is refused under another scope", () => {
    for (const scope of ["other\0sid", "pool\0other", "pool", "", "pool\0sid\0", "poolsid"]) {
      expect(verifyValue(signed, scope, [NEW])).toBeUndefined();
    }
  });

  it("is refused with another value's signature", () => {
    const other = signValue("other", "pool\0sid", NEW);
    const forged = `identifier.${other.slice(other.lastIndexOf(".") + 1)}`;
    expect(verifyValue(forged, "pool\0sid", [NEW])).toBeUndefined();
  });

  it.each(["", ".", "..", "identifier", "identifier.", ".signature", "identifier.AAAA"])(
    "is not %j",
    (text) => {
      expect(verifyValue(text, "pool\0sid", [NEW])).toBeUndefined();
    },
  );

  it("is not an empty one, even when it is signed", () => {
    expect(verifyValue(signValue("", "s", NEW), "s", [NEW])).toBeUndefined();
  });

  it("is never longer, nor accepted shorter, than 128 bits of signature", () => {
    const dot = signed.lastIndexOf(".");
    expect(Buffer.from(signed.slice(dot + 1), "base64url")).toHaveLength(16);
  });
});

describe("secrets in rotation", () => {
  it("accept what any of them has signed, in any order", () => {
    const old = signValue("v", "s", OLD);
    expect(verifyValue(old, "s", [NEW, OLD])).toBe("v");
    expect(verifyValue(old, "s", [OLD, NEW])).toBe("v");
    expect(verifyValue(signValue("v", "s", NEW), "s", [NEW, OLD])).toBe("v");
  });

  it("refuse what one has signed that was taken away", () => {
    expect(verifyValue(signValue("v", "s", OLD), "s", [NEW])).toBeUndefined();
    expect(verifyValue(signValue("v", "s", OLD), "s", [])).toBeUndefined();
  });
});

describe("a Set-Cookie of the edge's own", () => {
  it("keeps the cookie from scripts and other sites", () => {
    expect(setCookie("sid", "v", false)).toBe("sid=v; Path=/; HttpOnly; SameSite=Lax");
  });

  it("keeps it on TLS where it was issued over TLS", () => {
    expect(setCookie("sid", "v", true)).toBe("sid=v; Path=/; HttpOnly; SameSite=Lax; Secure");
  });

  it("comes back as it was issued", () => {
    const [pair = ""] = setCookie("sid", signed, true).split(";");
    expect(verifyValue(cookieValue(pair, "sid") ?? "", "pool\0sid", [NEW])).toBe("identifier");
  });
});
