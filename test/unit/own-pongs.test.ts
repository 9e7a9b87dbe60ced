import { PassThrough } from "node:stream";
import type { Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Flow } from "../../src/proxy/flow.ts";
import { answersOwnPing, pingFrame } from "../../src/wire/ping-frame.ts";
import { anyCuts, anyRun, cut, frame, OPCODE } from "../support/frames.ts";

const OWN = pingFrame(undefined).subarray(2);

/** A flow between two streams that stand for sockets. @returns what arrives */
function flowOf(masked: boolean): { flow: Flow; passed: () => Buffer } {
  const out: Buffer[] = [];
  const sink = new PassThrough({ highWaterMark: 2 ** 30 });
  sink.on("data", (chunk: Buffer) => out.push(Buffer.from(chunk)));
  const ends = { side: "client", source: new PassThrough(), sink } as unknown as {
    readonly side: "client";
    readonly source: Socket;
    readonly sink: Socket;
  };
  const flow = new Flow(
    ends,
    { masked, reserved: "none", maxMessageBytes: 2 ** 20, wholeFrameBytes: 16 * 1024 },
    { flowStopped: () => undefined },
  );
  return {
    flow,
    passed: () => {
      let chunk: unknown;
      while ((chunk = sink.read()) !== null) out.push(chunk as Buffer);
      return Buffer.concat(out);
    },
  };
}

function pong(payload: Buffer | string, masked: boolean): Buffer {
  const mask = masked ? Buffer.from([1, 2, 3, 4]) : undefined;
  return frame({ opcode: OPCODE.pong, payload, mask });
}

describe("answers to the edge's own pings", () => {
  it("are taken out wherever they come, and everything else passes as it was", () => {
    const places = fc.array(fc.nat(30), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(anyRun("none"), places, anyCuts, (run, at, cuts) => {
        const starts = run.frames.map(({ start }) => start);
        const before = [...new Set(at.map((i) => starts[i % Math.max(1, starts.length)] ?? 0))];
        before.sort((a, b) => a - b);
        const parts: Buffer[] = [];
        let from = 0;
        for (const start of before) {
          parts.push(run.bytes.subarray(from, start), pong(OWN, run.masked));
          from = start;
        }
        parts.push(run.bytes.subarray(from));

        const { flow, passed } = flowOf(run.masked);
        before.forEach(() => flow.awaitPong());
        for (const chunk of cut(Buffer.concat(parts), cuts)) flow.receive(chunk);
        expect(passed().equals(run.bytes)).toBe(true);
        expect(flow.traffic.bytes).toBe(run.bytes.length);
        expect(flow.scanner.frames).toBe(run.frames.length);
      }),
    );
  });

  it("pass when nobody has asked for them, as an application's own do", () => {
    const { flow, passed } = flowOf(true);
    const own = pong(OWN, true);
    flow.receive(own);
    const foreign = pong("mine", true);
    flow.awaitPong();
    flow.receive(foreign);
    expect(passed().equals(Buffer.concat([own, foreign]))).toBe(true);
  });

  it("are no activity, but a sign of life", () => {
    const { flow } = flowOf(false);
    flow.active = false;
    flow.heard = false;
    flow.awaitPong();
    flow.receive(pong(OWN, false));
    expect([flow.active, flow.heard]).toEqual([false, true]);
    flow.receive(frame({ payload: "data" }));
    expect(flow.active).toBe(true);
  });

  it("are known by their whole payload", () => {
    for (const masked of [true, false]) {
      expect(answersOwnPing(pong(OWN, masked))).toBe(true);
      expect(answersOwnPing(pong(OWN.subarray(1), masked))).toBe(false);
      expect(answersOwnPing(pong(Buffer.concat([OWN, OWN]), masked))).toBe(false);
      expect(answersOwnPing(pong("", masked))).toBe(false);
      const other = Buffer.from(OWN);
      other.writeUInt8(other.readUInt8(7) ^ 1, 7);
      expect(answersOwnPing(pong(other, masked))).toBe(false);
    }
    const masked = pingFrame(Buffer.from([9, 8, 7, 6]));
    expect(masked.subarray(0, 6)).toEqual(Buffer.from([0x89, 0x88, 9, 8, 7, 6]));
  });
});
