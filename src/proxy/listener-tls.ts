import type { TlsOptions } from "node:tls";
import type { Certificates } from "./certificates.ts";

/** A handshake that is slower than this is cut off. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface ListenerTls {
  readonly certificates: Certificates;
  /** Mutual TLS: clients have to show a certificate of the CA among the secure options. */
  readonly verifyClients: boolean;
}

/** How a server terminates TLS with these certificates. */
export function secureOptions({ certificates, verifyClients }: ListenerTls): TlsOptions {
  return {
    ...certificates.fallback,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    SNICallback: (servername, done) => done(null, certificates.contextFor(servername)),
    requestCert: verifyClients,
    rejectUnauthorized: verifyClients,
  };
}
