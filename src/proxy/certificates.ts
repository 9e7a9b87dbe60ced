import { X509Certificate } from "node:crypto";
import { unwatchFile, watchFile } from "node:fs";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { describeError, StartError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { readTextFile } from "../core/read-text-file.ts";

/** Polled rather than watched: it sees through the symlinks that orchestrators swap. */
const POLL_MS = 1_000;

export interface CertificateFiles {
  /** PEM: the certificate and its chain. */
  readonly cert: string;
  readonly key: string;
}

export interface CertificatesOptions {
  /** The first serves clients that send no server name, or one that no certificate has. */
  readonly files: readonly [CertificateFiles, ...CertificateFiles[]];
  /** Goes into the context of every certificate: OpenSSL takes all of it from the one chosen. */
  readonly secure: Pick<SecureContextOptions, "minVersion" | "ca">;
  readonly logger: Logger;
}

interface Loaded {
  readonly pem: SecureContextOptions;
  readonly context: SecureContext;
  readonly certificate: X509Certificate;
}

/**
 * The certificates of a listener, chosen by server name (SNI, RFC 6066 §3). When files change, new
 * handshakes get the new certificate; open connections go on with the one they began with.
 */
export class Certificates implements Disposable {
  readonly #options: CertificatesOptions;
  #loaded: readonly [Loaded, ...Loaded[]];
  readonly #byName = new Map<string, SecureContext>();
  readonly #onChange = (): void => void this.#reload();
  /** Called with what handshakes without a server name are to get from now on. */
  onReload: ((fallback: SecureContextOptions) => void) | undefined;
  private constructor(options: CertificatesOptions, loaded: readonly [Loaded, ...Loaded[]]) {
    this.#options = options;
    this.#loaded = loaded;
    for (const path of this.#paths()) {
      watchFile(path, { interval: POLL_MS, persistent: false }, this.#onChange);
    }
  }

  /** @throws StartError when a file can't be read, or key and certificate do not fit */
  static async load(options: CertificatesOptions): Promise<Certificates> {
    return new Certificates(options, await loadAll(options));
  }

  /** What a handshake for this server name gets. */
  contextFor(servername: string): SecureContext {
    const known = this.#byName.get(servername);
    if (known !== undefined) return known;
    const fitting = this.#loaded.find(({ certificate }) => certificate.checkHost(servername));
    const { context } = fitting ?? this.#loaded[0];
    // Only names that a certificate holds are remembered: a client can't fill the memory.
    if (fitting !== undefined && !fitting.certificate.subjectAltName?.includes("*")) {
      this.#byName.set(servername, context);
    }
    return context;
  }

  /** What a handshake without a server name gets. */
  get fallback(): SecureContextOptions {
    return this.#loaded[0].pem;
  }

  [Symbol.dispose](): void {
    for (const path of this.#paths()) unwatchFile(path, this.#onChange);
  }

  #paths(): Set<string> {
    return new Set(this.#options.files.flatMap(({ cert, key }) => [cert, key]));
  }

  async #reload(): Promise<void> {
    const { logger } = this.#options;
    try {
      this.#loaded = await loadAll(this.#options);
      this.#byName.clear();
      this.onReload?.(this.fallback);
      logger.info("certificates reloaded", { files: this.#options.files.map(({ cert }) => cert) });
    } catch (error) {
      // Certificate and key are two files: between their two writes they do not fit.
      logger.warn("certificates not reloaded, the ones before stay", {
        cause: describeError(error),
      });
    }
  }
}

async function loadAll(options: CertificatesOptions): Promise<readonly [Loaded, ...Loaded[]]> {
  const [first, ...others] = options.files;
  return [
    await load(first, options.secure),
    ...(await Promise.all(others.map((files) => load(files, options.secure)))),
  ];
}

async function load(
  files: CertificateFiles,
  secure: CertificatesOptions["secure"],
): Promise<Loaded> {
  const cert = await readTextFile(files.cert);
  const key = await readTextFile(files.key);
  try {
    const pem = { cert, key, ...secure };
    return {
      pem,
      context: createSecureContext(pem),
      certificate: new X509Certificate(cert),
    };
  } catch (error) {
    throw new StartError(
      `certificate ${files.cert} with key ${files.key} cannot be used: ${describeError(error)}`,
      { cause: error },
    );
  }
}
