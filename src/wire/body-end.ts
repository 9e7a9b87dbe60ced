import { listMembers, valuesOf } from "./headers.ts";
import type { ResponseHead } from "./response-head.ts";

const MAX_CHUNK_LINE_BYTES = 4096;
const LF = 0x0a;

/**
 * Finds where the body of an HTTP/1.1 response ends (RFC 9112 §6.3) while its bytes are passed on
 * unchanged. For the answer of a backend that refuses an upgrade: the connection may stay open
 * after it, so its end has to be known.
 */
export class BodyEnd {
  #mode: "length" | "chunk-line" | "chunk-data" | "chunk-end" | "trailers" | "until-close";
  #left = 0;
  #line = "";

  private constructor(mode: "length" | "chunk-line" | "until-close", left: number) {
    this.#mode = mode;
    this.#left = left;
  }

  /** @returns undefined when the framing headers contradict each other */
  static of(head: ResponseHead): BodyEnd | undefined {
    if (head.status === 204 || head.status === 304) return new BodyEnd("length", 0);
    const codings = valuesOf(head.headers, "transfer-encoding").flatMap(listMembers);
    const lengths = valuesOf(head.headers, "content-length").flatMap((value) => value.split(","));
    if (codings.length > 0) {
      if (lengths.length > 0) return undefined;
      const mode = codings.at(-1) === "chunked" ? "chunk-line" : "until-close";
      return new BodyEnd(mode, 0);
    }
    if (lengths.length === 0) return new BodyEnd("until-close", 0);
    const digits = lengths.map((length) => /^[ \t]*(\d{1,15})[ \t]*$/.exec(length)?.[1]);
    const [first] = digits;
    if (first === undefined || digits.some((other) => other !== first)) return undefined;
    return new BodyEnd("length", Number(first));
  }

  get done(): boolean {
    return this.#mode === "length" && this.#left === 0;
  }

  /** Nothing but the end of the connection ends this body. */
  get untilClose(): boolean {
    return this.#mode === "until-close";
  }

  /**
   * @returns how many bytes from the chunk's start belong to the body; undefined when its chunked
   *   coding is broken
   */
  take(chunk: Buffer): number | undefined {
    if (this.#mode === "until-close") return chunk.length;
    let at = 0;
    while (at < chunk.length && !this.done) {
      if (this.#mode === "length" || this.#mode === "chunk-data") {
        const taken = Math.min(this.#left, chunk.length - at);
        at += taken;
        this.#left -= taken;
        if (this.#left === 0 && this.#mode === "chunk-data") this.#mode = "chunk-end";
        continue;
      }
      const lineEnd = chunk.indexOf(LF, at);
      const stop = lineEnd === -1 ? chunk.length : lineEnd + 1;
      this.#line += chunk.toString("latin1", at, stop);
      at = stop;
      if (this.#line.length > MAX_CHUNK_LINE_BYTES) return undefined;
      if (lineEnd !== -1 && !this.#endLine()) return undefined;
    }
    return at;
  }

  #endLine(): boolean {
    const line = this.#line;
    this.#line = "";
    if (!line.endsWith("\r\n")) return false;
    if (this.#mode === "chunk-end") {
      this.#mode = "chunk-line";
      return line === "\r\n";
    }
    if (this.#mode === "trailers") {
      if (line === "\r\n") {
        this.#mode = "length";
        this.#left = 0;
      }
      return true;
    }
    const size = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r]*)?\r\n$/.exec(line)?.[1];
    if (size === undefined) return false;
    const length = Number.parseInt(size, 16);
    this.#mode = length === 0 ? "trailers" : "chunk-data";
    this.#left = length;
    return true;
  }
}
