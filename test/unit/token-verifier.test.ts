import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, it, onTestFinished } from "vitest";
import { claimText, readClaims, TokenVerifier } from "../../src/proxy/affinity/token-verifier.ts";
import type { VerifyOptions } from "../../src/proxy/affinity/verification-key.ts";
import { temporaryDirectory } from "../support/certificate.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { messages } from "../support/live-pool.ts";
import { until } from "../support/until.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const SECRET = "thirty-two characters, or more...";

interface Claims {
  readonly sub?: string;
  readonly iss?: string;
  readonly aud?: string;
  /** Seconds from the clock's own now. */
  readonly exp?: number;
  readonly nbf?: number;
}

function sign(
  clock: FakeClock,
  key: KeyObject | Uint8Array,
  { exp, nbf, ...claims }: Claims = {},
  header: { readonly alg: string; readonly kid?: string } = { alg: "ES256" },
): Promise<string> {
  const now = clock.dateMs() / 1000;
  const jwt = new SignJWT({ sub: "ann", ...claims }).setProtectedHeader(header);
  if (exp !== undefined) jwt.setExpirationTime(Math.round(now + exp));
  if (nbf !== undefined) jwt.setNotBefore(Math.round(now + nbf));
  return jwt.sign(key);
}

async function setUp(
  make: (file: (name: string, text: string) => Promise<string>) => Promise<VerifyOptions>,
) {
  const directory = await temporaryDirectory();
  const clock = new FakeClock();
  const { logger, lines } = messages();
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(directory, name), text);
    return name;
  };
  const verifier = await TokenVerifier.load(await make(file), { directory, clock, logger });
  onTestFinished(() => verifier[Symbol.dispose]());
  const subject = async (token: string): Promise<unknown> =>
    (await verifier.verify(token))?.["sub"];
  return { clock, lines, file, verifier, subject };
}

function pem(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}

const withKey = () => setUp(async (file) => ({ key: await file("ec.pem", pem(ec.publicKey)) }));

describe("a token", () => {
  it("that is genuine yields its claims", async () => {
    const { clock, subject } = await withKey();
    expect(await subject(await sign(clock, ec.privateKey))).toBe("ann");
    expect(await subject(await sign(clock, ec.privateKey, { exp: 60, nbf: -60 }))).toBe("ann");
  });

  it("that is out of date by more than the clocks' difference is rejected", async () => {
    const { clock, subject } = await withKey();
    expect(await subject(await sign(clock, ec.privateKey, { exp: -29 }))).toBe("ann");
    expect(await subject(await sign(clock, ec.privateKey, { exp: -31 }))).toBeUndefined();
    expect(await subject(await sign(clock, ec.privateKey, { nbf: 29 }))).toBe("ann");
    expect(await subject(await sign(clock, ec.privateKey, { nbf: 32 }))).toBeUndefined();
  });

  it("that is forged, unsigned or none is rejected", async () => {
    const { clock, subject } = await withKey();
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
    expect(await subject(await sign(clock, other.privateKey))).toBeUndefined();
    expect(await subject(new UnsecuredJWT({ sub: "ann" }).encode())).toBeUndefined();
    // RFC 8725 §2.1: the public key's text as if it were a secret.
    const confused = await sign(clock, Buffer.from(pem(ec.publicKey)), {}, { alg: "HS256" });
    expect(await subject(confused)).toBeUndefined();
    const good = await sign(clock, ec.privateKey);
    const [head = "", , signature = ""] = good.split(".");
    const body = Buffer.from(JSON.stringify({ sub: "bob" })).toString("base64url");
    expect(await subject(`${head}.${body}.${signature}`)).toBeUndefined();
    for (const none of ["", "a", "a.b.c", "x".repeat(10_000), `${good}x`]) {
      expect(await subject(none)).toBeUndefined();
    }
  });

  it("for somebody else, or by somebody else, is rejected", async () => {
    const { clock, subject } = await setUp(async (file) => ({
      key: await file("ec.pem", pem(ec.publicKey)),
      issuer: "https://login.example",
      audience: "chat",
    }));
    const right = { iss: "https://login.example", aud: "chat" };
    expect(await subject(await sign(clock, ec.privateKey, right))).toBe("ann");
    expect(
      await subject(await sign(clock, ec.privateKey, { ...right, aud: "mail" })),
    ).toBeUndefined();
    expect(await subject(await sign(clock, ec.privateKey, { ...right, iss: "x" }))).toBeUndefined();
    expect(await subject(await sign(clock, ec.privateKey))).toBeUndefined();
  });

  it("is not believed longer than it is valid, however often it comes", async () => {
    const { clock, subject } = await withKey();
    const token = await sign(clock, ec.privateKey, { exp: 60 });
    for (let second = 0; second < 89; second += 10) {
      expect(await subject(token)).toBe("ann");
      clock.advance(10_000);
    }
    clock.advance(1_000);
    expect(await subject(token)).toBeUndefined();
  });
});

describe("a secret", () => {
  it("verifies what it has signed, and no other kind", async () => {
    const { clock, subject } = await setUp(() => Promise.resolve({ secret: SECRET }));
    const by = (secret: string): Promise<string> =>
      sign(clock, Buffer.from(secret), {}, { alg: "HS256" });
    expect(await subject(await by(SECRET))).toBe("ann");
    expect(await subject(await by(`${SECRET}.`))).toBeUndefined();
    expect(await subject(await sign(clock, ec.privateKey))).toBeUndefined();
  });
});

describe("a key set", () => {
  const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: "jwk" }), kid });

  it("is searched by the token's key id; its symmetric keys are never used", async () => {
    const oct = { kty: "oct", kid: "oct", k: Buffer.from(SECRET).toString("base64url") };
    const keys = [jwk(ec.publicKey, "one"), jwk(rsa.publicKey, "two"), oct];
    const { clock, subject } = await setUp(async (file) => ({
      jwks: await file("keys.json", JSON.stringify({ keys })),
    }));
    const by = (key: KeyObject | Uint8Array, alg: string, kid: string): Promise<string> =>
      sign(clock, key, {}, { alg, kid });
    expect(await subject(await by(ec.privateKey, "ES256", "one"))).toBe("ann");
    expect(await subject(await by(rsa.privateKey, "RS256", "two"))).toBe("ann");
    expect(await subject(await by(rsa.privateKey, "RS256", "one"))).toBeUndefined();
    expect(await subject(await by(ec.privateKey, "ES256", "three"))).toBeUndefined();
    expect(await subject(await by(Buffer.from(SECRET), "HS256", "oct"))).toBeUndefined();
  });

  it("that changes serves new keys, and forgets what the old ones have proved", async () => {
    const set = (key: KeyObject): string => JSON.stringify({ keys: [jwk(key, "k")] });
    const { clock, subject, file, lines } = await setUp(async (write) => ({
      jwks: await write("keys.json", set(ec.publicKey)),
    }));
    const old = await sign(clock, ec.privateKey, {}, { alg: "ES256", kid: "k" });
    expect(await subject(old)).toBe("ann");
    await file("keys.json", "{");
    await until("it is refused", () =>
      lines.includes("token keys not reloaded, the ones before stay"),
    );
    expect(await subject(old)).toBe("ann");
    await file("keys.json", set(rsa.publicKey));
    await until("it is read", () => lines.includes("token keys reloaded"));
    expect(await subject(old)).toBeUndefined();
    const fresh = await sign(clock, rsa.privateKey, {}, { alg: "RS256", kid: "k" });
    expect(await subject(fresh)).toBe("ann");
  });
});

describe("a key file", () => {
  it.each([
    ["key", "no PEM", "must hold a public key or certificate in PEM"],
    ["jwks", "no JSON", 'must hold JSON: {"keys":[…]}'],
    ["jwks", '{"keys":[{"kty":"oct","k":"eA"}]}', "it has no public key"],
  ] as const)(
    "given as %s that holds %s is refused with what it must hold",
    async (kind, text, message) => {
      await expect(setUp(async (file) => ({ [kind]: await file("key", text) }))).rejects.toThrow(
        message,
      );
    },
  );

  it("that is not there is refused by its name", async () => {
    await expect(setUp(() => Promise.resolve({ key: "absent.pem" }))).rejects.toThrow("absent.pem");
  });
});

describe("claims without verification", () => {
  it("are read from whatever has the form of a token", async () => {
    const token = await sign(new FakeClock(), ec.privateKey);
    expect(readClaims(token)).toMatchObject({ sub: "ann" });
    for (const none of ["", "a.b.c", "x".repeat(10_000)]) expect(readClaims(none)).toBeUndefined();
  });

  it("name a session when they are text or a number", () => {
    expect(claimText({ sub: "ann" }, "sub")).toBe("ann");
    expect(claimText({ id: 17 }, "id")).toBe("17");
    for (const claims of [{ sub: "" }, { sub: null }, { sub: ["ann"] }, { sub: {} }, {}]) {
      expect(claimText(claims, "sub")).toBeUndefined();
    }
    expect(claimText({}, "toString")).toBeUndefined();
  });
});
