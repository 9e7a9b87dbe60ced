import { generateKeyPairSync } from "node:crypto";
import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { claimText, readClaims } from "../../src/proxy/affinity/token-verifier.ts";
import {
  ec,
  hs256,
  makeVerifier,
  otherEc,
  pem,
  SECRET,
  secretly,
  sign,
  START,
  withPem,
} from "../support/tokens.ts";

const SKEW = 30;
const ed = generateKeyPairSync("ed25519");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });

describe("a genuine token", () => {
  it.each([
    ["ES256", ec],
    ["EdDSA", ed],
    ["RS256", rsa],
    ["PS512", rsa],
  ])("of %s yields its claims", async (alg, { publicKey, privateKey }) => {
    const { verifier } = await makeVerifier({ key: "key.pem" }, pem(publicKey));
    const token = await sign({ sub: "user", room: 7 }, { alg, key: privateKey });
    expect(await verifier.verify(token)).toEqual({ sub: "user", room: 7 });
  });

  it.each(["HS256", "HS384", "HS512"])("of %s yields its claims", async (alg) => {
    const { verifier } = await makeVerifier({ secret: SECRET });
    expect(await verifier.verify(await secretly({ sub: "user" }, SECRET, alg))).toEqual({
      sub: "user",
    });
  });

  it("may be out of date by as much as clocks differ", async () => {
    const { verifier } = await withPem();
    for (const payload of [{ exp: START - SKEW + 1 }, { nbf: START + SKEW }]) {
      expect(await verifier.verify(await sign(payload))).toEqual(payload);
    }
    for (const payload of [{ exp: START - SKEW }, { nbf: START + SKEW + 1 }]) {
      expect(await verifier.verify(await sign(payload))).toBeUndefined();
    }
  });

  it("must be of the issuer and for the audience that are configured", async () => {
    const { verifier } = await withPem({ issuer: "us", audience: "chat" });
    const right = { iss: "us", aud: ["mail", "chat"] };
    expect(await verifier.verify(await sign(right))).toEqual(right);
    const wrong = [{}, { iss: "us" }, { aud: "chat" }, { ...right, iss: "them" }];
    for (const payload of [...wrong, { ...right, aud: "mail" }]) {
      expect(await verifier.verify(await sign(payload))).toBeUndefined();
    }
  });

  it("of 8 KiB is verified, a longer one is refused without work", async () => {
    const { verifier } = await makeVerifier({ secret: SECRET });
    // Some lengths are left out: 3 bytes are 4 characters.
    const tokens = Array.from({ length: 200 }, (_, i) => hs256({ pad: "x".repeat(5950 + i) }));
    const fits = tokens.findLast(({ length }) => length <= 8192) ?? "";
    const long = tokens.find(({ length }) => length > 8192) ?? "";
    expect([fits.length, long.length]).toEqual([8192, expect.toBeOneOf([8193, 8194])]);
    expect(await verifier.verify(fits)).toBeDefined();
    expect(verifier.verify(long)).toBeUndefined();
    expect(readClaims(fits)).toBeDefined();
    expect(readClaims(long)).toBeUndefined();
  });
});

describe("a token is refused, whoever the user in it", () => {
  const user = { sub: "user" };
  it.each<[string, () => Promise<string> | string]>([
    ["signed with another key", () => sign(user, { key: otherEc.privateKey })],
    ["signed with a key of another kind", () => sign(user, { alg: "EdDSA", key: ed.privateKey })],
    ["without a signature", () => new UnsecuredJWT(user).encode()],
    [
      "with alg none and a signature",
      async () => `${new UnsecuredJWT(user).encode()}${(await sign(user)).split(".")[2] ?? ""}`,
    ],
    ["of HS256 with the public key for secret", () => secretly(user, pem(ec.publicKey))],
    ["of HS512 with the public key for secret", () => secretly(user, pem(ec.publicKey), "HS512")],
    [
      "of HS256 with the public key, trimmed, for secret",
      () => secretly(user, pem(ec.publicKey).trim()),
    ],
    ["that has expired", () => sign({ ...user, exp: START - 3600 })],
    ["that is not valid yet", () => sign({ ...user, nbf: START + 3600 })],
    [
      "with an expiry that is no number",
      () => sign({ ...user, exp: "never" as unknown as number }),
    ],
    [
      "with a demand that is not known (RFC 7515 §4.1.11)",
      () =>
        new SignJWT(user)
          .setProtectedHeader({ alg: "ES256", crit: ["x"], x: 1 })
          .sign(ec.privateKey, { crit: { x: true } }),
    ],
    [
      "with other claims put in",
      async () => {
        const [head, , signature] = (await sign(user)).split(".");
        return [head, (await sign({ sub: "root" })).split(".")[1], signature].join(".");
      },
    ],
    ["with its signature cut short", async () => (await sign(user)).slice(0, -4)],
    ["with more behind it", async () => `${await sign(user)}.x`],
    ["empty", () => ""],
    ["of one word", () => "token"],
    ["of three words", () => "not.a.token"],
    ["of dots", () => ".."],
    ["of bytes that are no text", () => "\0.\uFFFF.\uD800"],
  ])("%s", async (_, token) => {
    const { verifier } = await withPem();
    expect(await verifier.verify(await sign(user))).toEqual(user);
    expect(await verifier.verify(await token())).toBeUndefined();
  });

  it("of a public key's algorithm, or unsigned, where a secret is configured", async () => {
    const { verifier } = await makeVerifier({ secret: SECRET });
    expect(await verifier.verify(await sign(user))).toBeUndefined();
    expect(await verifier.verify(new UnsecuredJWT(user).encode())).toBeUndefined();
    expect(await verifier.verify(await secretly(user, `${SECRET}.`))).toBeUndefined();
  });
});

describe("a token that was verified", () => {
  it("is not verified again until it has expired", async () => {
    const { verifier, clock } = await makeVerifier({ secret: SECRET });
    const token = hs256({ exp: START + 60 });
    const first = verifier.verify(token);
    expect(first).toBeInstanceOf(Promise);
    await first;
    clock.advance((60 + SKEW) * 1000 - 1);
    expect(verifier.verify(token)).toEqual({ exp: START + 60 });
    clock.advance(1);
    expect(await verifier.verify(token)).toBeUndefined();
  });

  it("is remembered for good when it never expires, one that was refused is not", async () => {
    const { verifier, clock } = await makeVerifier({ secret: SECRET });
    await verifier.verify(hs256({ sub: "a" }));
    clock.advance(1e12);
    expect(verifier.verify(hs256({ sub: "a" }))).toEqual({ sub: "a" });
    const early = hs256({ nbf: clock.dateMs() / 1000 + 60 });
    expect(await verifier.verify(early)).toBeUndefined();
    clock.advance(60_000);
    expect(await verifier.verify(early)).toBeDefined();
  });

  it("is forgotten when 10,000 others have come since", async () => {
    const { verifier } = await makeVerifier({ secret: SECRET });
    const tokens = Array.from({ length: 10_001 }, (_, i) => hs256({ sub: String(i) }));
    for (const token of tokens) await verifier.verify(token);
    expect(verifier.verify(tokens[1] ?? "")).toEqual({ sub: "1" });
    expect(verifier.verify(tokens[0] ?? "")).toBeInstanceOf(Promise);
  });
});

describe("a claim that names a session", () => {
  it("is text or a number", () => {
    const claims = { text: "a", number: 7, empty: "", list: ["a"], nothing: null, yes: true };
    const texts = Object.keys(claims).map((name) => claimText(claims, name));
    expect(texts).toEqual(["a", "7", undefined, undefined, undefined, undefined]);
  });

  it("is the token's own: a missing one is none", () => {
    for (const name of ["sub", "constructor", "__proto__", "toString"]) {
      expect(claimText({ other: "a" }, name)).toBeUndefined();
    }
    const inherited = Object.create({ sub: "a" }) as Record<string, unknown>;
    expect(claimText(inherited, "sub")).toBeUndefined();
  });

  it("is read without a key from any token, and from nothing else", async () => {
    expect(readClaims(await sign({ sub: "a" }))).toEqual({ sub: "a" });
    for (const text of ["", "a", "a.b.c", "..", "\0"]) expect(readClaims(text)).toBeUndefined();
  });
});
