import type { Server as NetServer } from "node:net";
import { Server, type TlsOptions } from "node:tls";
import type { Certificates } from "./certificates.ts";

/** A handshake that is slower than this is cut off. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface ListenerTls {
  readonly certificates: Certificates;
  /** Mutual TLS: clients have to show a certificate of the CA among the secure options. */
  readonly verifyClients: boolean;
}

/**
 * How a server terminates TLS.
 *
 * @param current what is valid at a handshake, when others have taken the place of the first
 */
export function secureOptions(
  { certificates, verifyClients }: ListenerTls,
  current: () => ListenerTls | undefined,
): TlsOptions {
  return {
    ...certificates.fallback,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    SNICallback: (servername, done) => done(null, current()?.certificates.contextFor(servername)),
    requestCert: verifyClients,
    rejectUnauthorized: verifyClients,
  };
}

/** Handshakes without a server name get the fallback of these certificates, now and when files change. */
export function followCertificates(server: Server, { certificates }: ListenerTls): void {
  server.setSecureContext(certificates.fallback);
  certificates.onReload = (fallback) => server.setSecureContext(fallback);
}

/**
 * Puts certificates in the place of others while the server listens.
 *
 * @returns false when that takes another server: TLS, or asking clients for certificates, begins or
 *   ends
 */
export function adoptCertificates(
  server: NetServer,
  before: ListenerTls | undefined,
  after: ListenerTls | undefined,
): boolean {
  const isSameKind = (before === undefined) === (after === undefined);
  if (!isSameKind || before?.verifyClients !== after?.verifyClients) return false;
  if (before === after) return true;
  before?.certificates[Symbol.dispose]();
  if (after !== undefined && server instanceof Server) followCertificates(server, after);
  return true;
}
