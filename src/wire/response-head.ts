import type { RawHeaders } from "./headers.ts";

/** Longest status line and headers of an answer to an upgrade; Node.js's own limit for HTTP. */
export const MAX_HEAD_BYTES: number = 16 * 1024;

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly headers: RawHeaders;
  /** Where the bytes after the empty line begin. */
  readonly bytes: number;
}

const PREFIX = "HTTP/1.";
const statusLine = /^HTTP\/1\.[01] ([1-9]\d{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

/**
 * Reads the head of an HTTP/1.1 response strictly (RFC 9112 §2–5): no folded lines, no space before
 * the colon, no bare CR or control characters, since what one side reads in another way than the
 * next can be used to smuggle.
 *
 * @param bytes all that has arrived so far
 * @returns the head; "partial" while its end has not arrived; "invalid" when it can't become one
 */
export function parseResponseHead(bytes: Buffer): ResponseHead | "partial" | "invalid" {
  const start = bytes.toString("latin1", 0, PREFIX.length);
  if (!PREFIX.startsWith(start)) return "invalid"; // another protocol, or none
  const end = bytes.indexOf("\r\n\r\n");
  // Up to three of the four bytes that end it may be there already.
  if (end === -1) return bytes.length > MAX_HEAD_BYTES + 3 ? "invalid" : "partial";
  if (end > MAX_HEAD_BYTES) return "invalid";
  const lines = bytes.toString("latin1", 0, end).split("\r\n");
  const status = statusLine.exec(lines[0] ?? "");
  if (status === null) return "invalid";
  const headers: string[] = [];
  for (let i = 1; i < lines.length; i++) {
    const header = headerLine.exec(lines[i] ?? "");
    if (header === null) return "invalid";
    headers.push(header[1] ?? "", (header[2] ?? "").replace(/[ \t]+$/, ""));
  }
  return { status: Number(status[1]), reason: status[2] ?? "", headers, bytes: end + 4 };
}
