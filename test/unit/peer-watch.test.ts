import { PassThrough } from "node:stream";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { Flow } from "../../src/proxy/flow.ts";
import { PeerWatch } from "../../src/proxy/peer-watch.ts";
import { pingFrame } from "../../src/wire/ping-frame.ts";
import { frame, OPCODE } from "../support/frames.ts";

const INTERVAL_MS = 1_000;

/** Streams that stand for sockets, whose written bytes the test decides on. */
class FakeSocket extends PassThrough {
  bytesWritten = 0;
  pending = 0;

  constructor() {
    super();
    Object.defineProperty(this, "writableLength", { get: () => this.pending });
  }
}

function setUp() {
  const [client, backend] = [new FakeSocket(), new FakeSocket()];
  const rules = { reserved: "none", maxMessageBytes: 2 ** 20, wholeFrameBytes: 16_384 } as const;
  const observer = { flowStopped: () => undefined };
  const flow = (side: "client" | "backend", source: FakeSocket, sink: FakeSocket): Flow =>
    new Flow(
      { side, source: source as unknown as Socket, sink: sink as unknown as Socket },
      { ...rules, masked: side === "client" },
      observer,
    );
  const incoming = flow("client", client, backend);
  const outgoing = flow("backend", backend, client);
  incoming.heard = false;
  let pings = 0;
  const watch = new PeerWatch({
    ...{ incoming, outgoing, keepaliveMs: INTERVAL_MS, nowMs: 0 },
    ping: () => {
      pings++;
      return pingFrame(undefined);
    },
  });
  /** Looks four times an interval, until this moment. @returns when the peer was found to be gone */
  let nowMs = 0;
  const lookUntil = (endMs: number): number | undefined => {
    while (nowMs < endMs) {
      nowMs += INTERVAL_MS / 4;
      if (watch.check(nowMs)) return nowMs;
    }
    return undefined;
  };
  return { client, incoming, outgoing, watch, lookUntil, pings: () => pings };
}

const pong = frame({ opcode: OPCODE.pong, payload: "mine", mask: Buffer.alloc(4) });
const ping = frame({ opcode: OPCODE.ping, payload: "mine" });

describe("a peer that is watched", () => {
  it("is asked after three quarters of the interval, and gone after one and a half", () => {
    const { lookUntil, pings } = setUp();
    expect(lookUntil(500)).toBeUndefined();
    expect(pings()).toBe(0);
    expect(lookUntil(750)).toBeUndefined();
    expect(pings()).toBe(1);
    expect(lookUntil(60_000)).toBe(1_500);
    expect(pings()).toBe(1);
  });

  it("is there for as long as anything comes from it", () => {
    const { incoming, lookUntil, pings } = setUp();
    for (let atMs = 1_250; atMs < 20_000; atMs += 1_250) {
      expect(lookUntil(atMs)).toBeUndefined();
      incoming.heard = true;
    }
    expect(pings()).toBeGreaterThan(10);
  });

  it("is there while what waits for it gets less, but not because a ping has left", () => {
    const busy = setUp();
    for (let atMs = 250; atMs <= 10_000; atMs += 250) {
      busy.client.pending = 1_000;
      busy.client.bytesWritten += 100;
      expect(busy.lookUntil(atMs)).toBeUndefined();
    }
    expect(busy.pings()).toBe(0);
    const idle = setUp();
    idle.lookUntil(750);
    idle.client.bytesWritten += 10;
    expect(idle.lookUntil(10_000)).toBe(1_500);
  });

  it("is not judged while the edge does not read it", () => {
    const { incoming, lookUntil } = setUp();
    incoming.source.pause();
    expect(lookUntil(10_000)).toBeUndefined();
    incoming.source.resume();
    expect(lookUntil(60_000)).toBe(11_500);
  });

  it("has time to answer when it was the edge that was stuck", () => {
    const { watch, pings } = setUp();
    expect(watch.check(60_000)).toBe(false);
    expect(pings()).toBe(1);
    expect(watch.check(120_000)).toBe(false);
    expect(watch.check(120_001)).toBe(true);
  });

  it("is not asked twice: an application's ping on its way will do", () => {
    const { incoming, outgoing, lookUntil, pings } = setUp();
    outgoing.receive(ping);
    expect(lookUntil(1_250)).toBeUndefined();
    expect(pings()).toBe(0);
    incoming.receive(pong);
    expect(lookUntil(2_250)).toBeUndefined();
    expect(pings()).toBe(1);
    const silent = setUp();
    silent.outgoing.receive(ping);
    expect(silent.lookUntil(60_000)).toBe(1_500);
    expect(silent.pings()).toBe(0);
  });

  it("is asked only between frames", () => {
    const { outgoing, lookUntil, pings } = setUp();
    const long = frame({ opcode: OPCODE.binary, payload: Buffer.alloc(40_000) });
    outgoing.receive(long.subarray(0, 20_000));
    expect(lookUntil(5_000)).toBeUndefined();
    outgoing.receive(long.subarray(20_000));
    expect(lookUntil(5_250)).toBeUndefined();
    expect(pings()).toBeGreaterThan(0);
    expect(lookUntil(60_000)).toBe(5_750);
  });
});
