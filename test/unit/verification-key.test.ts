import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile, rename, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { StartError } from "../../src/core/errors.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { TokenVerifier } from "../../src/proxy/affinity/token-verifier.ts";
import { verifyOptions, type VerifyOptions } from "../../src/proxy/affinity/verification-key.ts";
import { makeCertificate, temporaryDirectory } from "../support/certificate.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { until } from "../support/until.ts";
import {
  ec,
  keySet,
  makeVerifier,
  otherEc,
  pem,
  SECRET,
  sign,
  withPem,
} from "../support/tokens.ts";

const edPublicKey = generateKeyPairSync("ed25519").publicKey;

describe("a public key", () => {
  it("may be in a certificate", async () => {
    const directory = await temporaryDirectory();
    const { cert, key } = await makeCertificate(join(directory, "issuer"), ["issuer"]);
    const { verifier } = await makeVerifier({ key: "key.pem" }, await readFile(cert, "utf8"));
    const privateKey = createPrivateKey(await readFile(key, "utf8"));
    expect(await verifier.verify(await sign({ sub: "a" }, { key: privateKey }))).toEqual({
      sub: "a",
    });
  });
});

describe("a key set", () => {
  const jwks = "keys.json";

  it("has the key that the token names", async () => {
    const { verifier } = await makeVerifier(
      { jwks },
      await keySet({ one: ec.publicKey, two: otherEc.publicKey }),
    );
    const signed = (kid: string, key: KeyObject): Promise<string> =>
      sign({ sub: kid }, { kid, key });
    expect(await verifier.verify(await signed("one", ec.privateKey))).toEqual({ sub: "one" });
    expect(await verifier.verify(await signed("two", otherEc.privateKey))).toEqual({ sub: "two" });
    expect(await verifier.verify(await signed("one", otherEc.privateKey))).toBeUndefined();
    expect(await verifier.verify(await signed("three", ec.privateKey))).toBeUndefined();
  });

  it("has its only key of the kind for a token that names none", async () => {
    const { verifier } = await makeVerifier(
      { jwks },
      await keySet({ one: ec.publicKey, two: edPublicKey }),
    );
    expect(await verifier.verify(await sign({ sub: "a" }))).toEqual({ sub: "a" });
  });

  it("verifies nothing with a key for HMAC: whoever reads the set could sign", async () => {
    const set = JSON.parse(await keySet({ one: ec.publicKey })) as { keys: object[] };
    const k = Buffer.from(SECRET).toString("base64url");
    set.keys.push({ kty: "oct", kid: "oct", alg: "HS256", k });
    const { verifier } = await makeVerifier({ jwks }, JSON.stringify(set));
    expect(await verifier.verify(await sign({}, { kid: "one" }))).toEqual({});
    const oct = { alg: "HS256", kid: "oct", key: Buffer.from(SECRET) };
    expect(await verifier.verify(await sign({}, oct))).toBeUndefined();
  });
});

describe("a key file that changes", { timeout: 60_000 }, () => {
  /** As orchestrators do it; then touched until it is noticed. */
  async function replace(file: string, text: string, noticed: () => Promise<boolean>) {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
    await until("the change is noticed", async () => {
      await utimes(file, new Date(), new Date());
      return noticed();
    });
  }

  it.each([
    ["key", (key: KeyObject) => Promise.resolve(pem(key))],
    ["jwks", (key: KeyObject) => keySet({ same: key })],
  ])("is read again: %s", async (option, write) => {
    const { verifier, file } = await makeVerifier({ [option]: "file" }, await write(ec.publicKey));
    const old = await sign({ sub: "a" });
    const next = await sign({ sub: "a" }, { key: otherEc.privateKey });
    expect(await verifier.verify(old)).toBeDefined();
    expect(await verifier.verify(next)).toBeUndefined();
    const serves = async (): Promise<boolean> => (await verifier.verify(next)) !== undefined;
    await replace(file, await write(otherEc.publicKey), serves);
    // Though it was verified and remembered under the key before.
    expect(await verifier.verify(old)).toBeUndefined();
  });

  it("and is no key then is told of, and the one before serves on", async () => {
    const { verifier, file, warnings } = await withPem();
    await replace(file, "garbage", () => Promise.resolve(warnings.length > 0));
    expect(warnings[0]).toEqual([
      "token keys not reloaded, the ones before stay",
      { cause: expect.stringContaining(`${file} must hold a public key`) as string },
    ]);
    expect(await verifier.verify(await sign({ sub: "a" }))).toEqual({ sub: "a" });
  });
});

describe("a key that can't be used", () => {
  const failure = (options: VerifyOptions, text: string): Promise<unknown> =>
    makeVerifier(options, text).then(
      () => undefined,
      (error: unknown) => error,
    );

  it.each([
    ["key", "", /file must hold a public key or certificate in PEM: ./],
    ["key", '{"keys": []}', /file must hold a public key or certificate in PEM: ./],
    ["key", pem(ec.publicKey).replace("MF", "??"), /must hold a public key or certificate in PEM/],
    ["key", privatePem(), /: it holds a private key$/],
    ["key", pem(generateKeyPairSync("x25519").publicKey), /no algorithm of tokens goes with/],
    ["key", pem(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey), /no algorithm/],
    ["jwks", "", /file must hold JSON: \{"keys":\[…\]\}: ./],
    ["jwks", pem(ec.publicKey), /file must hold JSON: /],
    ["jwks", "[]", /file must hold JSON: /],
    ["jwks", '{"keys":[{"kid":"a"}]}', /file must hold JSON: /],
    ["jwks", '{"keys":[]}', /: it has no public key$/],
    ["jwks", '{"keys":[{"kty":"oct","k":"AAAA"}]}', /: it has no public key$/],
  ])("is refused at the start, with what is wanted: %s %j", async (option, text, message) => {
    const error = await failure({ [option]: "file" }, text);
    expect(error).toBeInstanceOf(StartError);
    expect(error).toHaveProperty("message", expect.stringMatching(message));
    expect(error).toHaveProperty("message", expect.stringMatching(/^\/.*\/file must/));
  });

  it("is named with the reason when its file can't be read", async () => {
    const directory = await temporaryDirectory();
    const context = { directory, clock: new FakeClock(), logger: silentLogger };
    const file = join(directory, "gone");
    await expect(TokenVerifier.load({ jwks: "gone" }, context)).rejects.toThrow(
      new StartError(`cannot read ${file}: no such file`),
    );
    await expect(TokenVerifier.load({ key: directory }, context)).rejects.toThrow(
      new StartError(`cannot read ${directory}: it is a directory`),
    );
  });

  it.each([
    [{}, "needs exactly one of key, secret and jwks"],
    [{ key: "a", jwks: "b" }, "needs exactly one of key, secret and jwks"],
    [{ secret: "x".repeat(31) }, "must have at least 32 characters (RFC 7518 §3.2)"],
  ])("is refused by the configuration: %j", (options, message) => {
    const issues = verifyOptions.safeParse(options).error?.issues;
    expect(issues?.map((issue) => issue.message)).toEqual([message]);
  });

  it("may be a secret of 32 characters", () => {
    expect(verifyOptions.safeParse({ secret: "x".repeat(32) }).success).toBe(true);
  });
});

function privatePem(): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
