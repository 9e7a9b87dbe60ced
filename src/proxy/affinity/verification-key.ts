import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { resolve } from "node:path";
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { describeError, StartError } from "../../core/errors.ts";
import { readTextFile } from "../../core/read-text-file.ts";

/** As short as a key for HS256 may be (RFC 7518 §3.2). */
const MIN_SECRET_LENGTH = 32;
const MIN_RSA_BITS = 2048;

export const verifyOptions = z
  .strictObject({
    /** PEM file with a public key or a certificate. */
    key: z.string().min(1).optional(),
    /** What HS256, HS384 and HS512 sign with. */
    secret: z
      .string()
      .min(MIN_SECRET_LENGTH, `must have at least ${MIN_SECRET_LENGTH} characters (RFC 7518 §3.2)`)
      .optional(),
    /** JSON Web Key Set (RFC 7517). */
    jwks: z.string().min(1).optional(),
    issuer: z.string().min(1).optional(),
    audience: z.string().min(1).optional(),
  })
  .refine(({ key, secret, jwks }) => [key, secret, jwks].filter(Boolean).length === 1, {
    error: "needs exactly one of key, secret and jwks",
  });

export type VerifyOptions = z.output<typeof verifyOptions>;

/** What tokens are verified with. The algorithms are those of the key's own kind (RFC 8725 §3.1). */
export interface VerificationKey {
  readonly get: JWTVerifyGetKey;
  readonly algorithms: readonly string[];
}

const symmetric = ["HS256", "HS384", "HS512"];
const asymmetric = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** The file that holds the key, if it is in one. */
export function keyFileOf({ key, jwks }: VerifyOptions, directory: string): string | undefined {
  const file = key ?? jwks;
  return file === undefined ? undefined : resolve(directory, file);
}

/** @throws StartError when the file can't be read or holds no such key */
export async function loadVerificationKey(
  options: VerifyOptions,
  directory: string,
): Promise<VerificationKey> {
  const file = keyFileOf(options, directory);
  if (file === undefined) {
    const key = createSecretKey(Buffer.from(options.secret ?? ""));
    return { get: () => Promise.resolve(key), algorithms: symmetric };
  }
  const text = await readTextFile(file);
  try {
    if (options.jwks !== undefined) {
      return { get: createLocalJWKSet(readKeySet(text)), algorithms: asymmetric };
    }
    if (text.includes("PRIVATE KEY")) throw new Error("it holds a private key");
    const key = createPublicKey(text);
    if (!canVerify(key)) throw new Error("no algorithm of tokens goes with a key of this kind");
    return { get: () => Promise.resolve(key), algorithms: asymmetric };
  } catch (error) {
    const wanted =
      options.jwks === undefined ? "a public key or certificate in PEM" : 'JSON: {"keys":[…]}';
    throw new StartError(`${file} must hold ${wanted}: ${describeError(error)}`, { cause: error });
  }
}

/** RFC 7518 §3.1 and RFC 8037 §3.1; RSA from 2,048 bits on (RFC 7518 §3.3). */
function canVerify({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (type === "rsa" || type === "rsa-pss") return (details?.modulusLength ?? 0) >= MIN_RSA_BITS;
  return type === "ec" || type === "ed25519";
}

/** Keys for HMAC stay out: whoever may read a key set could sign with them. */
function readKeySet(text: string): JSONWebKeySet {
  const set = z
    .object({ keys: z.array(z.looseObject({ kty: z.string() })) })
    .parse(JSON.parse(text));
  const keys = set.keys.filter(({ kty }) => kty !== "oct");
  if (keys.length === 0) throw new Error("it has no public key");
  return { keys };
}
