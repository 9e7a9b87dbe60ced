import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { startBackend, startRawBackend } from "../support/backend.ts";
import { openClient, RawClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

const MASK = Buffer.from([1, 2, 3, 4]);

function masked(firstByte: number, payload: Buffer, lengthByte = payload.length): Buffer {
  const body = Buffer.from(payload.map((byte, i) => byte ^ (MASK[i & 3] ?? 0)));
  return Buffer.concat([Buffer.from([firstByte, 0x80 | lengthByte]), MASK, body]);
}

const violations: [string, Buffer][] = [
  ["is not masked", Buffer.from([0x81, 0x01, 0x61])],
  ["sets a reserved bit", masked(0xa1, Buffer.from("a"))],
  ["uses RSV1 without permessage-deflate", masked(0xc1, Buffer.from("a"))],
  ["uses a reserved opcode", masked(0x83, Buffer.from("a"))],
  ["fragments a control frame", masked(0x09, Buffer.from("a"))],
  ["continues nothing", masked(0x80, Buffer.from("a"))],
  [
    "writes a length longer than needed",
    Buffer.from([0x82, 0xfe, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0]),
  ],
  ["sends half a close code", masked(0x88, Buffer.from([3]))],
];

describe("a client that breaks the framing rules", () => {
  it.each(violations)("gets Close 1002 when it %s, and the tunnel ends", async (_, bytes) => {
    const backendClosed: Promise<[number, Buffer]>[] = [];
    const received: string[] = [];
    const backend = await startBackend("a", {
      webSocket(socket) {
        backendClosed.push(once(socket, "close") as Promise<[number, Buffer]>);
        socket.on("message", (data: Buffer) => received.push(data.toString()));
      },
    });
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    await client.upgrade();
    client.write(Buffer.concat([masked(0x81, Buffer.from("good")), bytes]));
    expect(await client.ended).toBe("end");
    expect([...client.received.subarray(0, 1)]).toEqual([0x88]);
    expect(client.received.readUInt16BE(2)).toBe(1002);
    const closed = await Promise.all(backendClosed);
    expect(closed.map(([code]) => code)).toEqual([1002]);
    expect(received).toEqual(["good"]);
    client.socket.end();
    const { fields } = await edge.logged("tunnel ended");
    expect(fields).toMatchObject({ closedBy: "edge", closeCode: 1002, fault: "protocol_error" });
  });

  it("is found however slowly the bytes come", async () => {
    const edge = await startTestEdge([await startBackend("a")]);
    const client = new RawClient(edge.port);
    await client.upgrade();
    client.socket.setNoDelay(true);
    for (const byte of masked(0x83, Buffer.from("a"))) {
      await new Promise((resolve) => client.socket.write(Buffer.from([byte]), resolve));
    }
    await client.ended;
    expect(client.received.readUInt16BE(2)).toBe(1002);
  });
});

describe("a message over messageBytes", () => {
  it("ends the tunnel with 1009 before any of it reaches the backend", async () => {
    const received: number[] = [];
    const backend = await startBackend("a", {
      webSocket: (socket) => socket.on("message", (data: Buffer) => received.push(data.length)),
    });
    const edge = await startTestEdge([backend], { limits: { messageBytes: "1KiB" } });
    const client = await openClient(edge.ws, { perMessageDeflate: false });
    client.socket.send(Buffer.alloc(1024));
    client.socket.send(Buffer.alloc(1025));
    expect((await client.closed).code).toBe(1009);
    expect(received).toEqual([1024]);
  });

  it("counts all fragments", async () => {
    const edge = await startTestEdge([await startBackend("a")], {
      limits: { messageBytes: "1KiB" },
    });
    const client = await openClient(edge.ws, { perMessageDeflate: false });
    client.socket.send(Buffer.alloc(1000), { fin: false });
    client.socket.send(Buffer.alloc(1000), { fin: true });
    expect((await client.closed).code).toBe(1009);
  });

  it("ends the tunnel with 1014 for the client when it is the backend's", async () => {
    const backend = await startBackend("a", {
      webSocket: (socket) => socket.send(Buffer.alloc(2000)),
      options: { perMessageDeflate: false },
    });
    const edge = await startTestEdge([backend], { limits: { messageBytes: "1KiB" } });
    const client = await openClient(edge.ws);
    expect((await client.closed).code).toBe(1014);
  });
});

describe("a backend that breaks the framing rules", () => {
  it("gets Close 1002 and its client 1014", async () => {
    let told: Buffer | undefined;
    const backend = await startRawBackend((socket) => {
      socket.on("data", (chunk: Buffer) => (told ??= chunk)).on("end", () => socket.end());
      socket.write(masked(0x81, Buffer.from("masked, as no server may"), 24));
    });
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws);
    expect((await client.closed).code).toBe(1014);
    await edge.logged("tunnel ended");
    const unmasked = [(told?.[6] ?? 0) ^ (told?.[2] ?? 0), (told?.[7] ?? 0) ^ (told?.[3] ?? 0)];
    expect(told?.[0]).toBe(0x88);
    expect(Buffer.from(unmasked).readUInt16BE()).toBe(1002);
  });
});
