import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK, SignJWT, type JWTPayload } from "jose";
import { onTestFinished } from "vitest";
import { silentLogger } from "../../src/core/logger.ts";
import { TokenVerifier } from "../../src/proxy/affinity/token-verifier.ts";
import type { VerifyOptions } from "../../src/proxy/affinity/verification-key.ts";
import { temporaryDirectory } from "./certificate.ts";
import { FakeClock } from "./fake-clock.ts";

/** When a fake clock begins, in seconds since 1970. */
export const START = new FakeClock().dateMs() / 1000;
export const SECRET = "a secret of more than 32 characters, as HS256 wants";
export const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const otherEc = generateKeyPairSync("ec", { namedCurve: "P-256" });

export interface MadeVerifier {
  readonly verifier: TokenVerifier;
  readonly clock: FakeClock;
  readonly warnings: unknown[];
  readonly file: string;
}

/** A verifier, until the test ends, whose key file, if it has one, holds `text`. */
export async function makeVerifier(options: VerifyOptions, text = ""): Promise<MadeVerifier> {
  const directory = await temporaryDirectory();
  const file = join(directory, options.key ?? options.jwks ?? "unused");
  await writeFile(file, text);
  const clock = new FakeClock();
  const warnings: unknown[] = [];
  const logger = { ...silentLogger, warn: (...said: unknown[]) => void warnings.push(said) };
  const verifier = await TokenVerifier.load(options, { directory, clock, logger });
  onTestFinished(() => verifier[Symbol.dispose]());
  return { verifier, clock, warnings, file };
}

export function pem(key: KeyObject): string {
  return String(key.export({ type: "spki", format: "pem" }));
}

export function withPem(options: VerifyOptions = {}): Promise<MadeVerifier> {
  return makeVerifier({ ...options, key: "key.pem" }, pem(ec.publicKey));
}

export async function keySet(keys: Readonly<Record<string, KeyObject>>): Promise<string> {
  const entries = Object.entries(keys).map(async ([kid, key]) => ({
    ...(await exportJWK(key)),
    kid,
  }));
  return JSON.stringify({ keys: await Promise.all(entries) });
}

export interface Signing {
  readonly alg?: string;
  readonly kid?: string;
  readonly key?: KeyObject | Uint8Array;
}

export function sign(
  payload: JWTPayload,
  { alg = "ES256", kid, key = ec.privateKey }: Signing = {},
): Promise<string> {
  const header = kid === undefined ? { alg } : { alg, kid };
  return new SignJWT(payload).setProtectedHeader(header).sign(key);
}

export function secretly(payload: JWTPayload, secret: string, alg = "HS256"): Promise<string> {
  return sign(payload, { alg, key: Buffer.from(secret) });
}

/** Quicker than jose, for thousands of tokens. */
export function hs256(payload: JWTPayload): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256" })}.${part(payload)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
