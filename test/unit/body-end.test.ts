import { request } from "node:http";
import { Duplex } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BodyEnd } from "../../src/wire/body-end.ts";
import { parseResponseHead, type ResponseHead } from "../../src/wire/response-head.ts";
import { cut } from "../support/frames.ts";

function headOf(...fields: string[]): ResponseHead {
  return statusHead(401, ...fields);
}

function statusHead(status: number, ...fields: string[]): ResponseHead {
  const text = [`HTTP/1.1 ${status} Said`, ...fields, "", ""].join("\r\n");
  const head = parseResponseHead(Buffer.from(text, "latin1"));
  if (typeof head === "string") throw new Error(head);
  return head;
}

/** @returns where the body ends, "open" while it has not, "broken" when its coding is */
function endOf(head: ResponseHead, chunks: readonly Buffer[]): number | "open" | "broken" {
  const body = BodyEnd.of(head);
  if (body === undefined) return "broken";
  let end = 0;
  for (const chunk of chunks) {
    if (body.done) break;
    const taken = body.take(chunk);
    if (taken === undefined) return "broken";
    expect(taken).toBeLessThanOrEqual(chunk.length);
    // Short of its end, a body takes all that there is.
    if (!body.done) expect(taken).toBe(chunk.length);
    end += taken;
  }
  return body.done ? end : "open";
}

/** The same, as the HTTP parser of Node.js sees it, byte by byte. */
async function nodeEndOf(fields: string, bytes: Buffer): Promise<number | "open" | "broken"> {
  const socket = new Duplex({ read: () => undefined, write: (_, __, done) => done() });
  let isBroken = false;
  let isComplete = (): boolean => false;
  const sent = request({ createConnection: () => socket, path: "/" })
    .on("error", () => (isBroken = true))
    .on("response", (response) => {
      isComplete = () => response.complete;
      response.on("error", () => (isBroken = true)).resume();
    });
  sent.end();
  await new Promise(setImmediate);
  socket.push(`HTTP/1.1 401 Said\r\n${fields}\r\n`);
  for (let at = 0; at < bytes.length && !isBroken && !isComplete(); at++) {
    socket.push(bytes.subarray(at, at + 1));
    if (isComplete()) {
      sent.destroy();
      return at + 1;
    }
  }
  const result = isBroken ? "broken" : isComplete() ? 0 : "open";
  sent.destroy();
  return result;
}

const CHUNKED = "Transfer-Encoding: chunked\r\n";
const chunkedHead = headOf("Transfer-Encoding: chunked");

const anyToken = fc.stringMatching(/^[a-zA-Z0-9-]{1,8}$/);
const anyExtension = fc.oneof(
  fc.constant(""),
  anyToken.map((name) => `;${name}`),
  fc.tuple(anyToken, anyToken).map(([name, value]) => `;${name}=${value}`),
  fc
    .tuple(anyToken, fc.stringMatching(/^[a-z ;=]{0,8}$/))
    .map(([name, value]) => `;${name}="${value}"`),
);
const anyData = fc.oneof(
  fc.stringMatching(/^[a-z]{1,20}$/),
  fc.constantFrom("\r\n", "0\r\n\r\n", "\r\n0\r\n\r\n", "\n", "x".repeat(300)),
);
const anySizeLine = fc.record({ zeros: fc.nat(4), isUpper: fc.boolean(), extension: anyExtension });
const anyTrailer = fc.tuple(anyToken, fc.stringMatching(/^[a-z 0-9]{0,10}$/));
const anyChunked = fc
  .record({
    chunks: fc.array(fc.record({ data: anyData, line: anySizeLine }), { maxLength: 6 }),
    last: anySizeLine,
    trailers: fc.array(anyTrailer, { maxLength: 3 }),
  })
  .map(({ chunks, last, trailers }) => {
    const sized = (size: number, { zeros, isUpper, extension }: typeof last): string => {
      const hex = size.toString(16);
      return `${"0".repeat(zeros)}${isUpper ? hex.toUpperCase() : hex}${extension}\r\n`;
    };
    const body = chunks.map(({ data, line }) => `${sized(data.length, line)}${data}\r\n`);
    const fields = trailers.map(([name, value]) => `${name}: ${value}\r\n`);
    return Buffer.from(`${body.join("")}${sized(0, last)}${fields.join("")}\r\n`);
  });
const anySizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });

describe("a chunked body", () => {
  it("ends where Node.js ends it, however it is cut and whatever follows", async () => {
    const after = fc.constantFrom("", "x", "\r\n", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n");
    await fc.assert(
      fc.asyncProperty(anyChunked, after, anySizes, async (body, more, sizes) => {
        const bytes = Buffer.concat([body, Buffer.from(more)]);
        expect(endOf(chunkedHead, cut(bytes, sizes))).toBe(body.length);
        expect(endOf(chunkedHead, [bytes])).toBe(body.length);
        expect(await nodeEndOf(CHUNKED, bytes)).toBe(body.length);
      }),
      { numRuns: 150 },
    );
  });

  it("is open until its last byte", () => {
    fc.assert(
      fc.property(anyChunked, fc.nat(), anySizes, (body, choice, sizes) => {
        const bytes = body.subarray(0, choice % body.length);
        expect(endOf(chunkedHead, cut(bytes, sizes))).toBe("open");
      }),
    );
  });

  it("never ends in two places, when it was damaged: Node.js agrees or one of both refuses", async () => {
    const damage = fc.record({
      at: fc.nat(),
      with: fc.constantFrom("", "\n", "\r", "0", ";", " ", "\0", "-"),
    });
    await fc.assert(
      fc.asyncProperty(anyChunked, damage, anySizes, async (body, hit, sizes) => {
        const at = hit.at % body.length;
        const bytes = Buffer.concat([
          body.subarray(0, at),
          Buffer.from(hit.with),
          body.subarray(at + 1),
        ]);
        const ours = endOf(chunkedHead, cut(bytes, sizes));
        expect(endOf(chunkedHead, [bytes])).toBe(ours);
        const theirs = await nodeEndOf(CHUNKED, bytes);
        if (typeof ours === "number" && typeof theirs === "number") expect(ours).toBe(theirs);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["a line that ends in a bare LF", "5\nhello\r\n0\r\n\r\n"],
    ["a last line that ends in a bare LF", "0\n\r\n"],
    ["a bare LF for its empty line", "0\r\n\n"],
    ["a bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"],
    ["no size", "\r\nhello\r\n0\r\n\r\n"],
    ["an extension without a size", ";a\r\n0\r\n\r\n"],
    ["a size with a sign", "+5\r\nhello\r\n0\r\n\r\n"],
    ["a size below nothing", "-1\r\nhello\r\n0\r\n\r\n"],
    ["a size with a prefix", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["a size that is no hexadecimal number", "5g\r\nhello\r\n0\r\n\r\n"],
    ["a space before the size", " 5\r\nhello\r\n0\r\n\r\n"],
    ["a size over any memory", "fffffffffffffffff\r\n"],
    ["a size of two numbers", "5 5\r\nhello\r\n0\r\n\r\n"],
    ["a size line without end", "0".repeat(5000)],
    ["an extension without end", `5;${"x".repeat(5000)}`],
    ["more data than its size says", "5\r\nhelloworld\r\n0\r\n\r\n"],
    ["something else than CRLF behind its data", "5\r\nhelloXX0\r\n\r\n"],
    ["a bare LF behind its data", "5\r\nhello\n0\r\n\r\n"],
  ])("is broken by %s", (_, text) => {
    const bytes = Buffer.from(text);
    expect(endOf(chunkedHead, [bytes])).toBe("broken");
    expect(endOf(chunkedHead, cut(bytes, [1]))).toBe("broken");
  });

  it("never throws, whatever comes", () => {
    const likely = fc.constantFrom("0", "a", "F", "\r\n", "\n", ";", " ", "\0");
    fc.assert(
      fc.property(fc.array(fc.oneof(likely, fc.string())), anySizes, (parts, sizes) => {
        const bytes = Buffer.from(parts.join(""));
        expect(endOf(chunkedHead, cut(bytes, sizes))).toBe(endOf(chunkedHead, [bytes]));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("a body of known length", () => {
  it("ends there, however it is cut", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(50), anySizes, (length, more, sizes) => {
        const chunks = cut(Buffer.alloc(length + more), sizes);
        expect(endOf(headOf(`Content-Length: ${length}`), chunks)).toBe(length);
        if (length > 0) {
          const short = cut(Buffer.alloc(length - 1), sizes);
          expect(endOf(headOf(`Content-Length: ${length}`), short)).toBe("open");
        }
      }),
    );
  });

  it.each([
    ["equal lengths in two fields", ["Content-Length: 5", "content-length: 5"]],
    ["equal lengths in one field", ["Content-Length: 5, 5"]],
  ])("may say so in %s", (_, fields) => {
    expect(endOf(headOf(...fields), [Buffer.from("hello, and more")])).toBe(5);
  });

  it.each([204, 304])("is 0 in an answer of %d, whatever its headers say", (status) => {
    for (const field of ["Content-Length: 5", "Transfer-Encoding: chunked", "X: y"]) {
      expect(endOf(statusHead(status, field), [Buffer.from("5\r\nhello")])).toBe(0);
    }
  });
});

describe("a body of unknown length", () => {
  it.each([
    ["no length at all", []],
    ["a coding that is not chunked", ["Transfer-Encoding: gzip"]],
    ["a coding that only sounds chunked", ["Transfer-Encoding: x-chunked"]],
    ["a chunked coding with a parameter, which it has none of", ["Transfer-Encoding: chunked;q=1"]],
    ["a coding over the chunked one", ["Transfer-Encoding: chunked, gzip"]],
  ])("ends with the connection: %s", (_, fields) => {
    const body = BodyEnd.of(headOf(...fields));
    expect(body?.untilClose).toBe(true);
    expect(body?.take(Buffer.from("0\r\n\r\n"))).toBe(5);
    expect(body?.done).toBe(false);
  });

  it("is not what a chunked one is, in whatever letters and below other codings", () => {
    for (const field of ["Transfer-Encoding: Chunked", "Transfer-Encoding: gzip, chunked"]) {
      expect(BodyEnd.of(headOf(field))?.untilClose).toBe(false);
    }
    const two = headOf("Transfer-Encoding: gzip", "Transfer-Encoding: chunked");
    expect(BodyEnd.of(two)?.untilClose).toBe(false);
  });
});

describe("framing that contradicts itself", () => {
  it.each([
    ["both a length and a coding", ["Content-Length: 5", "Transfer-Encoding: chunked"]],
    ["a length of 0 and a coding", ["Content-Length: 0", "Transfer-Encoding: chunked"]],
    ["a length and another coding", ["Transfer-Encoding: gzip", "Content-Length: 5"]],
    ["two lengths", ["Content-Length: 5", "Content-Length: 6"]],
    ["two lengths in one field", ["Content-Length: 5, 6"]],
    ["one length in two spellings", ["Content-Length: 5", "Content-Length: 05"]],
    ["a length with a sign", ["Content-Length: +5"]],
    ["a length below nothing", ["Content-Length: -5"]],
    ["a length that is no number", ["Content-Length: five"]],
    ["a hexadecimal length", ["Content-Length: 0x5"]],
    ["a decimal fraction", ["Content-Length: 5.0"]],
    ["a length over any number", ["Content-Length: 99999999999999999999"]],
    ["a length of two words", ["Content-Length: 5 5"]],
    ["a length with a no-break space behind it", ["Content-Length: 5\xa0"]],
    ["an empty length", ["Content-Length:"]],
  ])("is refused: %s", (_, fields) => {
    expect(BodyEnd.of(headOf(...fields))).toBeUndefined();
  });
});
