import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import type { FaultCode } from "../core/fault.ts";
import { adaptResponseHeaders, clientCloses } from "./forward-headers.ts";

/** Methods whose request may be sent a second time (RFC 9110 §9.2.2). */
const idempotent: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

export interface ExchangeOptions {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  /** As they go to the backend. */
  readonly headers: Record<string, string | string[]>;
  readonly setCookie: string | undefined;
  /** How long the backend may be silent. */
  readonly idleMs: number;
  readonly closing: () => boolean;
  readonly onAnswer: () => void;
}

/**
 * One request on its way through http-proxy: hop-by-hop fields, 100-continue, trailers, answers that
 * begin before their body does, answers that are cut short, and whether a failure may be repeated.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #clientCloses: boolean;
  readonly #expectsContinue: boolean;
  readonly #hasBody: boolean;
  #toBackend: ClientRequest | undefined;
  #timedOut = false;
  #hasAnswer = false;

  constructor(options: ExchangeOptions) {
    const { headers } = options.message;
    this.#options = options;
    this.#clientCloses = clientCloses(options.message);
    this.#expectsContinue = headers.expect?.toLowerCase() === "100-continue";
    this.#hasBody =
      headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
  }

  setHeaders(): void {
    this.#options.message.headers = { ...this.#options.headers };
  }

  /** The request has its connection; its headers are not sent yet. */
  requestSent(toBackend: ClientRequest): void {
    const { message, response, idleMs } = this.#options;
    this.#toBackend = toBackend;
    toBackend.setTimeout(idleMs, () => {
      this.#timedOut = true;
      toBackend.destroy();
    });
    if (message.headers["transfer-encoding"] !== undefined) {
      message.prependListener("end", () => addTrailers(toBackend, message.rawTrailers));
    }
    if (this.#expectsContinue && !toBackend.headersSent) {
      toBackend.setHeader("expect", "100-continue");
      toBackend.on("continue", () => response.writeContinue()).flushHeaders();
    }
  }

  answered(answer: IncomingMessage): void {
    const { message, response, setCookie, closing, onAnswer } = this.#options;
    this.#hasAnswer = true;
    onAnswer();
    const chunked = answer.headers["transfer-encoding"] !== undefined;
    adaptResponseHeaders(answer, {
      message,
      closing: this.#clientCloses || closing(),
      setCookie,
    });
    if (chunked) {
      answer.prependListener("end", () => addTrailers(response, answer.rawTrailers));
    }
    // A body of unknown length may be long in coming: an event stream is open before its first event.
    if (answer.headers["content-length"] === undefined) {
      process.nextTick(() => {
        if (!response.headersSent && !response.destroyed) response.flushHeaders();
      });
    }
    // An answer that is cut short must not look complete.
    answer.on("close", () => {
      if (!answer.complete) response.destroy();
    });
  }

  /** @returns what to do about it; undefined when nothing is left to do */
  failed(): FaultCode | "repeat" | undefined {
    const { message, response } = this.#options;
    if (this.#hasAnswer || response.destroyed) return undefined;
    if (this.#timedOut) return "handshake_timeout";
    const stale = this.#toBackend?.reusedSocket === true;
    if (stale && !this.#hasBody && idempotent.has(message.method ?? "")) return "repeat";
    return "backend_reset";
  }
}

function addTrailers(to: ClientRequest | ServerResponse, raw: readonly string[]): void {
  if (raw.length === 0 || to.writableEnded) return;
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i] ?? "", raw[i + 1] ?? ""]);
  to.addTrailers(pairs);
}
