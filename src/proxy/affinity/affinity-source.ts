import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Random } from "../../core/random.ts";
import type { EdgeRequest } from "../request.ts";

/** Who asks: a request, or a TCP connection, which has an address and at most a server name. */
export interface Subject {
  readonly clientIp: string;
  /** Of a connection to a TCP listener whose TLS handshake names one (SNI). */
  readonly servername: string | undefined;
  readonly request: EdgeRequest | undefined;
}

/** What ties a request to its session. */
export interface AffinityValue {
  readonly value: string;
  /** A `Set-Cookie` value that makes the next request carry the same. */
  readonly setCookie?: string;
  /** The value is a channel's name, which the ring places as it is: see `Session.remembered`. */
  readonly isChannel?: boolean;
}

/** `token_rejected`: what the request shows for itself is forged or out of date. */
export type AffinityFinding = AffinityValue | "token_rejected" | undefined;

/** One place of a request where a session may be named. */
export interface AffinitySource {
  /** For `explain`, logs and the session's hash: equal values of two sources are two sessions. */
  readonly name: string;
  find(subject: Subject): AffinityFinding | Promise<AffinityFinding>;
  /** Frees what the source holds open, such as watched files. */
  close?(): void;
}

/** A source that reads a request, and finds nothing where there is none. */
export function requestSource(
  name: string,
  find: (request: EdgeRequest) => AffinityFinding | Promise<AffinityFinding>,
): AffinitySource {
  return { name, find: ({ request }) => (request === undefined ? undefined : find(request)) };
}

/** What a source may need to be made. */
export interface AffinityContext {
  readonly pool: string;
  /** The first signs; all of them are accepted. */
  readonly secrets: readonly string[];
  /** Where relative file names begin. */
  readonly directory: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly logger: Logger;
}
