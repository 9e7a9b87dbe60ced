import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeCodeLabel, closeFrame } from "../../src/wire/close-frame.ts";
import { closePayload, feed, frame, OPCODE, scanner, xor } from "../support/frames.ts";

const anyCode = fc.integer({ min: 1000, max: 4999 });
const anyMask = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes));
// All of Unicode but lone surrogates, which UTF-8 cannot hold.
const anyReason = fc.string({ unit: "binary", maxLength: 200 });

describe("a Close of the edge's own", () => {
  it("is the frame of RFC 6455 §5.5.1", () => {
    expect(closeFrame(1012, "moving", undefined)).toEqual(
      frame({ opcode: OPCODE.close, payload: closePayload(1012, "moving") }),
    );
  });

  it("is masked with the key that it is given, towards a backend", () => {
    fc.assert(
      fc.property(anyCode, anyReason, anyMask, (code, reason, mask) => {
        const plain = closeFrame(code, reason, undefined);
        const masked = closeFrame(code, reason, mask);
        expect(masked.readUInt8(0)).toBe(0x88);
        expect(masked.readUInt8(1)).toBe(plain.readUInt8(1) | 0x80);
        expect(masked.subarray(2, 6)).toEqual(mask);
        expect(xor(masked.subarray(6), mask)).toEqual(plain.subarray(2));
      }),
    );
  });

  it("passes the scanner, which reads its code", () => {
    fc.assert(
      fc.property(anyCode, anyReason, fc.option(anyMask), (code, reason, mask) => {
        const bytes = closeFrame(code, reason, mask ?? undefined);
        const scanned = scanner({ masked: mask !== null });
        expect(feed(scanned, [bytes]).length).toBe(bytes.length);
        expect(scanned.closeCode).toBe(code);
      }),
    );
  });

  it("holds as much of its reason as fits, cut at a character's border", () => {
    fc.assert(
      fc.property(anyReason, (reason) => {
        const bytes = closeFrame(1000, reason, undefined);
        const payload = bytes.subarray(2);
        expect(payload.length).toBe(bytes.readUInt8(1));
        expect(payload.length).toBeLessThanOrEqual(125);
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
          payload.subarray(2),
        );
        expect(reason.startsWith(text)).toBe(true);
        if (text === reason) return;
        const character = String.fromCodePoint(reason.codePointAt(text.length) ?? 0);
        expect(payload.length + Buffer.byteLength(character)).toBeGreaterThan(125);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["123 bytes", "x".repeat(123), 123],
    ["124 bytes", "x".repeat(124), 123],
    ["a character of two bytes over the border", `${"x".repeat(122)}é`, 122],
    ["a character of two bytes up to the border", `${"x".repeat(121)}é`, 123],
    ["a character of four bytes over the border", `${"x".repeat(120)}😀`, 120],
    ["nothing", "", 0],
  ])("with a reason of %s is valid UTF-8", (_, reason, kept) => {
    const text = closeFrame(1000, reason, undefined).subarray(4);
    expect(text.length).toBe(kept);
    expect(reason.startsWith(text.toString())).toBe(true);
  });
});

describe("the label of a close code", () => {
  it.each([
    [999, "other"],
    [1000, "1000"],
    [1006, "1006"],
    [1015, "1015"],
    [1016, "other"],
    [2999, "other"],
    [3000, "3xxx"],
    [3999, "3xxx"],
    [4000, "4xxx"],
    [4999, "4xxx"],
    [5000, "other"],
    [0, "other"],
    [65_535, "other"],
  ])("of %d is %s", (code, label) => {
    expect(closeCodeLabel(code)).toBe(label);
  });

  it("is one of few, whatever peers send", () => {
    const labels = new Set(Array.from({ length: 65_536 }, (_, code) => closeCodeLabel(code)));
    expect(labels.size).toBe(16 + 3);
  });
});
