import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeEnvelope,
  encodeBody,
  encodeEnvelope,
  type Envelope,
} from "../../src/backend/envelope.ts";

const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const name = fc.stringMatching(/^[A-Za-z0-9_.:/@=+~!$,-]{1,128}$/);

const envelopes: fc.Arbitrary<Envelope> = fc.record({
  origin: name,
  publishedAt: fc.integer({ min: 0, max: 4e12 }),
  serial: count,
  generation: fc.nat(),
  count,
  channel: name,
  loggedId: fc.oneof(fc.constant(""), name),
  kind: fc.constantFrom("text" as const, "binary" as const, "json" as const),
  body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

describe("an envelope", () => {
  it("comes out of its bytes as it went in", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
      }),
    );
  });

  it("is none when it is cut within its head, or is of another version", () => {
    fc.assert(
      fc.property(envelopes, fc.nat(), (envelope, at) => {
        const bytes = encodeEnvelope(envelope);
        const head = bytes.length - envelope.body.length;
        expect(decodeEnvelope(bytes.subarray(0, at % head))).toBeUndefined();
        bytes[0] = 2;
        expect(decodeEnvelope(bytes)).toBeUndefined();
      }),
    );
  });

  it("is never made of what makes no sense, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const envelope = decodeEnvelope(Buffer.from([1, ...bytes]));
        if (envelope === undefined) return;
        expect(Number.isSafeInteger(envelope.count) && envelope.count > 0).toBe(true);
        expect(Number.isSafeInteger(envelope.serial)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is not changed by a publisher who uses its buffer again", () => {
    const bytes = Buffer.from("before");
    const { body } = encodeBody(bytes);
    bytes.fill("x");
    expect(body.toString()).toBe("before");
  });
});
