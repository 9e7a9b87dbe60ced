import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { startBackend, startRawBackend } from "../support/backend.ts";
import { openClient, RawClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

const HELLO = Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from("hello")]);

/** A backend whose bare socket the test holds after the handshake. */
async function rawBackend() {
  let accept: (socket: Socket) => void;
  const accepted = new Promise<Socket>((resolve) => (accept = resolve));
  return { backend: await startRawBackend((socket) => accept(socket)), accepted };
}

describe("a client that ends its side of the connection", () => {
  it("still gets what its backend sends, until that ends too", async () => {
    const { backend, accepted } = await rawBackend();
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    await client.upgrade();
    const socket = await accepted;
    const read: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => read.push(chunk));
    client.socket.end(HELLO);
    await once(socket, "end");
    expect(Buffer.concat(read)).toEqual(HELLO);

    const words = Buffer.from([0x81, 0x02, 0x68, 0x69]);
    socket.write(words);
    await client.until((bytes) => bytes.length === words.length);
    socket.end();
    await client.ended;
    expect(client.received.subarray(0, words.length)).toEqual(words);
    const { fields } = await edge.logged("tunnel ended");
    expect(fields).toMatchObject({ closedBy: "client", closeCode: 1006, fault: undefined });
    expect(fields["fromClient"]).toMatchObject({ messages: 1, bytes: HELLO.length });
  });

  it("does not keep the tunnel for ever when its backend says nothing", async () => {
    const { backend, accepted } = await rawBackend();
    const edge = await startTestEdge([backend], { timeouts: { idle: "50ms" } });
    const client = new RawClient(edge.port);
    await client.upgrade();
    const socket = await accepted;
    client.socket.end();
    await once(socket.resume(), "end");
    const { fields } = await edge.logged("tunnel ended"); // the backend never ends its side
    expect(fields).toMatchObject({ closedBy: "client", closeCode: 1006 });
    await client.ended;
  });

  it("in the middle of a frame leaves the backend none of it when it is short", async () => {
    const { backend, accepted } = await rawBackend();
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    await client.upgrade();
    client.socket.end(Buffer.concat([HELLO, HELLO.subarray(0, 8)]));
    const socket = await accepted;
    const read: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => read.push(chunk));
    await once(socket, "end");
    expect(Buffer.concat(read)).toEqual(HELLO);
    socket.end();
    await edge.logged("tunnel ended");
  });
});

describe("a client that resets its connection", () => {
  it("leaves the backend all that it had sent, and is counted once", async () => {
    const { backend, accepted } = await rawBackend();
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    await client.upgrade();
    const socket = await accepted;
    client.write(HELLO);
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(first).toEqual(HELLO);
    client.socket.resetAndDestroy();
    await once(socket, "end");
    socket.end();
    await edge.logged("tunnel ended");
    expect(await edge.metric("ringway_tunnel_closes_total")).toBe(1);
    expect(await edge.metric("ringway_tunnel_closes_total", { by: "client", code: "1006" })).toBe(
      1,
    );
    expect(await edge.metric("ringway_tunnels_open")).toBe(0);
  });

  it("while its backend floods it does not keep the tunnel", async () => {
    const backend = await startBackend("a", {
      options: { perMessageDeflate: false },
      webSocket(socket) {
        const message = Buffer.alloc(60_000);
        const flood = (): void => {
          if (socket.readyState === socket.OPEN) socket.send(message, flood);
        };
        flood();
      },
    });
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws);
    await client.message();
    client.socket.terminate();
    await edge.logged("tunnel ended");
    for (const socket of backend.sockets) if (!socket.closed) await once(socket, "close");
  });
});

describe("a backend that hangs up instead of answering a Close", () => {
  it("leaves its client a clean end with its own code", async () => {
    const { backend, accepted } = await rawBackend();
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws);
    const socket = await accepted;
    client.socket.close(4321, "done");
    await once(socket, "data");
    socket.end();
    expect((await client.closed).code).toBe(4321);
    const { fields } = await edge.logged("tunnel ended");
    expect(fields).toMatchObject({ closedBy: "client", closeCode: 4321 });
  });
});

describe("bytes behind a Close", () => {
  it("are not passed on", async () => {
    const { backend, accepted } = await rawBackend();
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    await client.upgrade();
    const socket = await accepted;
    const close = Buffer.from([0x88, 0x02, 0x03, 0xe8]);
    socket.end(Buffer.concat([close, Buffer.from([0x81, 0x02, 0x68, 0x69])]));
    await client.ended;
    expect(client.received).toEqual(close);
    client.socket.end();
    await edge.logged("tunnel ended");
  });
});
