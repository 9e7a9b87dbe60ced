import { Duplex } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FrameScanner } from "../../src/wire/frame-scanner.ts";
import {
  anyCuts,
  anyRun,
  cut,
  feed,
  frame,
  type FrameRun,
  OPCODE,
  scanner,
  wire,
} from "../support/frames.ts";

const MASK = Buffer.from([0x81, 0x05, 0x88, 0xff]);
const WHOLE = 16 * 1024;

/** All that a scanner has to tell, once it was fed. */
function outcome(scanned: FrameScanner, chunks: readonly Buffer[]): object {
  const released = feed(scanned, chunks);
  const { messages, frames, fault, faultDetail, closeCode, midFrame, payloadLeft } = scanned;
  return { released, messages, frames, fault, faultDetail, closeCode, midFrame, payloadLeft };
}

/** What a scanner has to say when this much of a run was fed; `fed` only grows. */
function model(run: FrameRun, wholeFrameBytes: number): (fed: number) => string {
  let at = 0;
  return (fed) => {
    while ((run.frames[at]?.end ?? Infinity) <= fed) at++;
    const under = run.frames[at];
    if (under === undefined) return tell(run.frames.at(-1)?.end ?? 0, 0, false, 14);
    const size = under.end - under.start;
    const isLarge = size > wholeFrameBytes;
    if (fed < under.headerEnd) return tell(under.start, 0, false, 14);
    return tell(isLarge ? fed : under.start, under.end - fed, isLarge, size);
  };
}

function tell(released: number, left: number, midFrame: boolean, frameBytes: number): string {
  return `${released} released, ${left} left, ${midFrame ? "inside" : "at the border of"} ${frameBytes}`;
}

describe("frames that break no rule, cut anywhere", () => {
  it("pass, and each byte is released as soon as its frame's size allows", () => {
    const wholes = fc.constantFrom(0, 2, 6, 14, 131, 132, WHOLE, 65_543, 65_544, 65_550, 2 ** 40);
    const properties = fc.record({
      reserved: fc.constantFrom("none", "deflate"),
      cuts: anyCuts,
      wholeFrameBytes: wholes,
      truncatedBy: fc.oneof(fc.constant(0), fc.nat(200)),
    });
    const runs = properties.chain((rest) => anyRun(rest.reserved).map((run) => ({ ...rest, run })));
    fc.assert(
      fc.property(runs, ({ run, cuts, wholeFrameBytes, reserved, truncatedBy }) => {
        const { masked, largestMessage: maxMessageBytes } = run;
        const scanned = scanner({ masked, reserved, maxMessageBytes, wholeFrameBytes });
        const bytes = run.bytes.subarray(0, Math.max(0, run.bytes.length - truncatedBy));
        const expected = model(run, wholeFrameBytes);
        const released = feed(scanned, cut(bytes, cuts), (fed, soFar) => {
          const { payloadLeft, midFrame, frameBytes } = scanned;
          const told = tell(soFar, payloadLeft, midFrame, frameBytes);
          // An expect for each byte would take most of the time.
          if (told !== expected(fed)) expect(`at ${fed}: ${told}`).toBe(expected(fed));
        });
        const passed = run.frames.filter(({ end }) => end <= bytes.length);
        expect(scanned.faultDetail).toBe("");
        expect(scanned.frames).toBe(passed.length);
        expect(scanned.messages).toBe(passed.filter(({ endsMessage }) => endsMessage).length);
        expect(scanned.closeCode).toBe(
          passed.length < run.frames.length ? undefined : run.closeCode,
        );
        expect(scanned.isStopped()).toBe(scanned.closeCode !== undefined);
        expect(released.equals(bytes.subarray(0, released.length))).toBe(true);
      }),
      { numRuns: 250 },
    );
  });

  it("release nothing behind a Close, whatever follows it", () => {
    fc.assert(
      fc.property(
        anyRun("none"),
        anyCuts,
        fc.uint8Array({ maxLength: 300 }),
        (run, cuts, after) => {
          const end = frame({ opcode: OPCODE.close, mask: run.masked ? MASK : undefined });
          const closed = run.closeCode === undefined ? Buffer.concat([run.bytes, end]) : run.bytes;
          const scanned = scanner({ masked: run.masked });
          const released = feed(scanned, cut(Buffer.concat([closed, after]), cuts));
          expect(released.equals(closed)).toBe(true);
          expect(scanned.closeCode).toBe(run.closeCode ?? 1005);
          expect(scanned.fault).toBeUndefined();
          expect(scanned.scan(Buffer.from(after))).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("are refused at the first frame that takes a message over the limit", () => {
    fc.assert(
      fc.property(anyRun("none"), anyCuts, fc.nat(), (run, cuts, choice) => {
        fc.pre(run.largestMessage > 0);
        const limit = choice % run.largestMessage;
        let messageBytes = 0;
        const over = run.frames.find(({ headerEnd, end, isControl, endsMessage }) => {
          if (!isControl) messageBytes += end - headerEnd;
          const isOver = messageBytes > limit;
          if (endsMessage) messageBytes = 0;
          return isOver;
        });
        const scanned = scanner({ masked: run.masked, maxMessageBytes: limit, wholeFrameBytes: 0 });
        expect(feed(scanned, cut(run.bytes, cuts)).length).toBe(over?.start);
        expect(scanned.fault).toBe("message_too_big");
        expect(scanned.faultDetail).toContain(String(limit));
      }),
      { numRuns: 100 },
    );
  });
});

describe("garbage", () => {
  it("never throws, never releases more than there is, and means the same however it is cut", () => {
    const options = fc.record({
      masked: fc.boolean(),
      reserved: fc.constantFrom("none", "deflate", "any"),
      maxMessageBytes: fc.constantFrom(0, 100, 2 ** 40),
      wholeFrameBytes: fc.constantFrom(0, 20, WHOLE),
    });
    const likely = fc.constantFrom(
      0x81,
      0x82,
      0x01,
      0x00,
      0x80,
      0x88,
      0x89,
      0x8a,
      0xc1,
      0x7e,
      0x7f,
    );
    const noise = fc.array(fc.oneof(fc.nat(255), likely, fc.nat(10)), { maxLength: 400 });
    fc.assert(
      fc.property(options, noise, anyCuts, (chosen, numbers, cuts) => {
        const bytes = Buffer.from(numbers);
        const inOne = outcome(scanner(chosen), [bytes]);
        expect(outcome(scanner(chosen), cut(bytes, cuts))).toEqual(inOne);
        expect(outcome(scanner(chosen), cut(bytes, [1]))).toEqual(inOne);
      }),
      { numRuns: 1500 },
    );
  });
});

describe("what the package ws sends", () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])("passes at %d bytes", (size) => {
    for (const masked of [false, true]) {
      const data = Buffer.alloc(size, "payload");
      const shape = {
        opcode: 2,
        fin: true,
        readOnly: true,
        mask: masked,
        generateMask: (m: Buffer) => MASK.copy(m),
      };
      const bytes = Buffer.concat(wire.Sender.frame(data, shape));
      expect(
        bytes.equals(frame({ opcode: 2, payload: data, mask: masked ? MASK : undefined })),
      ).toBe(true);
      const scanned = scanner({ masked });
      expect(feed(scanned, cut(bytes, [7, 1000])).equals(bytes)).toBe(true);
      expect(scanned).toMatchObject({ messages: 1, frames: 1, fault: undefined });
    }
  });

  it.each([false, true])("passes deflated and in fragments (masked: %s)", async (mask) => {
    const deflater = new wire.PerMessageDeflate({ isServer: true });
    deflater.accept([{}]);
    const sent: Buffer[] = [];
    const socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _, done) => {
        sent.push(chunk);
        done();
      },
    });
    const sender = new wire.Sender(socket, { "permessage-deflate": deflater });
    for (const fin of [false, false, true, true]) {
      const options = { fin, binary: false, compress: true, mask };
      await new Promise<void>((done) => sender.send(Buffer.alloc(3000, "words "), options, done));
    }
    const bytes = Buffer.concat(sent);
    const scanned = scanner({ masked: mask, reserved: "deflate" });
    expect(feed(scanned, cut(bytes, [1])).equals(bytes)).toBe(true);
    expect(scanned).toMatchObject({ messages: 2, frames: 4, faultDetail: "" });
    const strict = scanner({ masked: mask });
    strict.scan(bytes);
    expect(strict.fault).toBe("protocol_error");
  });
});
