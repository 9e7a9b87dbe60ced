import { hash } from "node:crypto";
import { unwatchFile, watchFile } from "node:fs";
import { decodeJwt, jwtVerify } from "jose";
import type { Clock } from "../../core/clock.ts";
import { describeError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import {
  keyFileOf,
  loadVerificationKey,
  type VerificationKey,
  type VerifyOptions,
} from "./verification-key.ts";

/** Clocks of whoever issues tokens and of this machine may differ by so much. */
const CLOCK_SKEW_SECONDS = 30;
/** Larger than any token of use; refused without work. */
const MAX_TOKEN_LENGTH = 8 * 1024;
/** A verification costs 100 µs and more, a reconnect with the same token should not. */
const MAX_REMEMBERED = 10_000;
/** Polled rather than watched: it sees through the symlinks that orchestrators swap. */
const POLL_MS = 1_000;

export type Claims = Readonly<Record<string, unknown>>;

export interface TokenVerifierContext {
  /** Where relative file names begin. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Verified {
  readonly claims: Claims;
  /** On the clock of dates. */
  readonly untilMs: number;
}

/** Verifies JSON Web Tokens (RFC 7519). Its key file is watched: a new key serves new tokens. */
export class TokenVerifier implements Disposable {
  readonly #options: VerifyOptions;
  readonly #context: TokenVerifierContext;
  #key: VerificationKey;
  /** By digest, so that no token is kept; the oldest first. */
  readonly #verified = new Map<string, Verified>();
  readonly #onChange = (): void => void this.#reload();

  private constructor(options: VerifyOptions, context: TokenVerifierContext, key: VerificationKey) {
    this.#options = options;
    this.#context = context;
    this.#key = key;
    const file = keyFileOf(options, context.directory);
    if (file !== undefined) {
      watchFile(file, { interval: POLL_MS, persistent: false }, this.#onChange);
    }
  }

  /** @throws StartError when the key's file can't be read or holds no such key */
  static async load(options: VerifyOptions, context: TokenVerifierContext): Promise<TokenVerifier> {
    return new TokenVerifier(
      options,
      context,
      await loadVerificationKey(options, context.directory),
    );
  }

  /**
   * The token's claims when it is genuine and in date; undefined when it is forged, expired, not
   * valid yet, malformed, or meant for somebody else. Never rejects.
   */
  verify(token: string): Claims | undefined | Promise<Claims | undefined> {
    if (token.length > MAX_TOKEN_LENGTH) return undefined;
    const digest = hash("sha256", token, "base64");
    const known = this.#verified.get(digest);
    if (known !== undefined && known.untilMs > this.#context.clock.dateMs()) return known.claims;
    this.#verified.delete(digest);
    return this.#verify(token, digest);
  }

  [Symbol.dispose](): void {
    const file = keyFileOf(this.#options, this.#context.directory);
    if (file !== undefined) unwatchFile(file, this.#onChange);
    this.#verified.clear();
  }

  async #verify(token: string, digest: string): Promise<Claims | undefined> {
    const { issuer, audience } = this.#options;
    const key = this.#key;
    try {
      const { payload } = await jwtVerify(token, key.get, {
        algorithms: [...key.algorithms],
        clockTolerance: CLOCK_SKEW_SECONDS,
        currentDate: new Date(this.#context.clock.dateMs()),
        ...(issuer !== undefined && { issuer }),
        ...(audience !== undefined && { audience }),
      });
      const { exp = Infinity } = payload;
      const untilMs = (exp + CLOCK_SKEW_SECONDS) * 1000;
      if (key === this.#key) this.#remember(digest, { claims: payload, untilMs });
      return payload;
    } catch {
      return undefined; // jose's errors say how it is wrong: the client is told that it is
    }
  }

  #remember(digest: string, verified: Verified): void {
    this.#verified.set(digest, verified);
    if (this.#verified.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#verified.keys();
    if (oldest !== undefined) this.#verified.delete(oldest);
  }

  async #reload(): Promise<void> {
    const { directory, logger } = this.#context;
    const file = keyFileOf(this.#options, directory);
    try {
      this.#key = await loadVerificationKey(this.#options, directory);
      this.#verified.clear();
      logger.info("token keys reloaded", { file });
    } catch (error) {
      logger.warn("token keys not reloaded, the ones before stay", {
        cause: describeError(error),
      });
    }
  }
}

/** The claims of a token that is not verified here; undefined when it is none. */
export function readClaims(token: string): Claims | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  try {
    return decodeJwt(token);
  } catch {
    return undefined; // it is no token
  }
}

/** A claim as text that can name a session; undefined for what is neither text nor number. */
export function claimText(claims: Claims, name: string): string | undefined {
  const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (typeof claim === "number") return String(claim);
  return typeof claim === "string" && claim !== "" ? claim : undefined;
}
