import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_HEAD_BYTES, parseResponseHead } from "../../src/wire/response-head.ts";

function parse(text: string): ReturnType<typeof parseResponseHead> {
  return parseResponseHead(Buffer.from(text, "latin1"));
}

const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/);
// Visible characters and bytes over 0x7f; blanks only inside.
const fieldValue = fc.stringMatching(
  /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/,
);
const blank = fc.stringMatching(/^[\t ]{0,3}$/);
const fields = fc.array(fc.record({ name: token, before: blank, value: fieldValue, after: blank }));
const anyHead = fc.record({
  status: fc.integer({ min: 100, max: 599 }),
  reason: fieldValue,
  fields,
  version: fc.constantFrom("1.0", "1.1"),
});

/** A head that a backend may send. */
function written({
  status,
  reason,
  fields,
  version,
}: typeof anyHead extends fc.Arbitrary<infer T> ? T : never) {
  const lines = fields.map(
    ({ name, before, value, after }) => `${name}:${before}${value}${after}\r\n`,
  );
  return `HTTP/${version} ${status} ${reason}\r\n${lines.join("")}\r\n`;
}

describe("the head of a backend's answer", () => {
  it("is read back as it was written, without the blanks around values", () => {
    fc.assert(
      fc.property(anyHead, fc.string({ unit: "binary-ascii" }), (head, body) => {
        const text = written(head);
        expect(parse(text + body)).toEqual({
          status: head.status,
          reason: head.reason,
          headers: head.fields.flatMap(({ name, value }) => [name, value]),
          bytes: text.length,
        });
      }),
    );
  });

  it("is partial until its last byte, wherever it is cut", () => {
    fc.assert(
      fc.property(anyHead, (head) => {
        const bytes = Buffer.from(written(head), "latin1");
        for (let length = 0; length < bytes.length; length++) {
          expect(parseResponseHead(bytes.subarray(0, length))).toBe("partial");
        }
        expect(parseResponseHead(bytes)).toBeTypeOf("object");
      }),
      { numRuns: 20 },
    );
  });

  it("may have no reason, with or without the space before it", () => {
    for (const line of ["HTTP/1.1 101", "HTTP/1.1 101 "]) {
      expect(parse(`${line}\r\nA: b\r\n\r\n`)).toMatchObject({
        status: 101,
        reason: "",
        headers: ["A", "b"],
      });
    }
  });

  it("keeps equal names apart, in order, in the letters in which they came", () => {
    const head = parse("HTTP/1.1 200 OK\r\nset-cookie: a\r\nX: 1\r\nSet-Cookie: b\r\n\r\n");
    expect(head).toMatchObject({ headers: ["set-cookie", "a", "X", "1", "Set-Cookie", "b"] });
  });

  it("keeps the last byte of a value, also where Unicode calls it a blank", () => {
    // "/caf" + "à" in UTF-8 ends in 0xa0, which as latin1 is a no-break space.
    const value = Buffer.from("/à").toString("latin1");
    expect(parse(`HTTP/1.1 302 Found\r\nLocation: ${value}\r\n\r\n`)).toMatchObject({
      headers: ["Location", value],
    });
  });

  it.each([
    ["a space before the colon", "A : b"],
    ["a tab before the colon", "A\t: b"],
    ["a space before the name", " A: b"],
    ["a space inside the name", "A B: c"],
    ["no colon", "nothing"],
    ["no name", ": b"],
    ["a name in brackets", "A(b): c"],
    ["a name over ASCII", "Ä: b"],
    ["a NUL in the name", "A\0: b"],
    ["a NUL in the value", "A: b\0c"],
    ["a bare LF", "A: b\nTransfer-Encoding: chunked"],
    ["a bare CR", "A: b\rTransfer-Encoding: chunked"],
    ["a bare CR at the value's end", "A: b\r"],
    ["a bare LF at the value's end", "A: b\n"],
    ["a folded line", "A: b\r\n c"],
    ["a line folded with a tab", "A: b\r\n\tc"],
    ["a folded first line", "\tA: b"],
    ["a vertical tab in the value", "A: b\x0bc"],
    ["a delete character in the value", "A: b\x7f"],
    ["an escape in the value", "A: \x1b[2J"],
  ])("is invalid with %s", (_, line) => {
    expect(parse(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`)).toBe("invalid");
    expect(parse(`HTTP/1.1 200 OK\r\nBefore: 1\r\n${line}\r\nAfter: 1\r\n\r\n`)).toBe("invalid");
  });

  it.each([
    "HTTP/1.1  200 OK",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 200OK",
    "HTTP/1.1\t200 OK",
    "HTTP/1.1 +20 OK",
    "HTTP/1.1 2x0 OK",
    "HTTP/1.2 200 OK",
    "HTTP/2 200 OK",
    "HTTP/0.9 200 OK",
    "http/1.1 200 OK",
    " HTTP/1.1 200 OK",
    "HTTP/1.1 200 O\0K",
    "HTTP/1.1 200 O\rK",
    "HTTP/1.1 200 O\nK",
    "GET / HTTP/1.1",
    "ICY 200 OK",
    "",
    "\r\nHTTP/1.1 200 OK",
  ])("is invalid when it begins with %j", (line) => {
    expect(parse(`${line}\r\nA: b\r\n\r\n`)).toBe("invalid");
  });

  it("never throws and never makes up bytes, whatever comes", () => {
    const likely = fc.constantFrom(
      "HTTP/1.1 ",
      "101 ",
      "\r\n",
      "\r\n\r\n",
      "\n",
      "\r",
      ": ",
      "A: b",
      "\0",
      " ",
    );
    const noise = fc.array(fc.oneof(likely, fc.string({ unit: "binary" })), { maxLength: 12 });
    fc.assert(
      fc.property(noise, fc.boolean(), (parts, isHead) => {
        const bytes = Buffer.from((isHead ? "HTTP/1.1 200 OK\r\n" : "") + parts.join(""), "latin1");
        const head = parseResponseHead(bytes);
        if (typeof head === "string") return;
        const text = bytes.toString("latin1", 0, head.bytes);
        expect(text.endsWith("\r\n\r\n")).toBe(true);
        for (const part of head.headers) {
          expect(text).toContain(part);
          expect(part).not.toMatch(/[\0\r\n]/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the bound of a head", () => {
  const start = "HTTP/1.1 200 OK\r\nA: ";
  /** A head whose empty line begins at this offset. */
  const headOf = (bytes: number): Buffer =>
    Buffer.from(`${start}${"x".repeat(bytes - start.length)}\r\n\r\n`);

  it("is 16 KiB", () => {
    expect(MAX_HEAD_BYTES).toBe(16 * 1024);
    expect(parseResponseHead(headOf(MAX_HEAD_BYTES))).toMatchObject({ bytes: MAX_HEAD_BYTES + 4 });
    expect(parseResponseHead(headOf(MAX_HEAD_BYTES + 1))).toBe("invalid");
  });

  it("holds for a head that never ends", () => {
    const endless = Buffer.from(`HTTP/1.1 200 ${"x".repeat(MAX_HEAD_BYTES)}`);
    expect(parseResponseHead(endless.subarray(0, MAX_HEAD_BYTES + 4))).toBe("invalid");
    expect(parseResponseHead(endless.subarray(0, MAX_HEAD_BYTES + 3))).toBe("partial");
  });

  it("is not waited for from something that does not speak HTTP/1", () => {
    for (const greeting of ["S", "SSH-2.0", "HTTP/2", "\u0000\u0000\u0012\u0004"]) {
      expect(parseResponseHead(Buffer.from(greeting)), greeting).toBe("invalid");
    }
    for (const start of ["", "H", "HTTP/1", "HTTP/1.1 2"]) {
      expect(parseResponseHead(Buffer.from(start)), start).toBe("partial");
    }
    expect(parseResponseHead(Buffer.from("HTTP/1.1 099 x\r\n\r\n"))).toBe("invalid");
  });

  it("does not count what comes behind the head", () => {
    const head = Buffer.from("HTTP/1.1 200 OK\r\n\r\n");
    const bytes = Buffer.concat([head, Buffer.alloc(100_000, "body")]);
    expect(parseResponseHead(bytes)).toMatchObject({ bytes: head.length });
  });

  it("is the same however the head is cut", () => {
    const largest = headOf(MAX_HEAD_BYTES);
    for (let length = largest.length - 8; length < largest.length; length++) {
      expect([length, parseResponseHead(largest.subarray(0, length))]).toEqual([length, "partial"]);
    }
  });
});
