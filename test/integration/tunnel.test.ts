import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startBackend } from "../support/backend.ts";
import { openClient, TestClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** RFC 6455 §7.4: the codes that an endpoint may send. */
const SENDABLE = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
const sizes = [0, 1, 125, 126, 127, 16 * KIB - 8, 16 * KIB, 65_535, 65_536, 100_000, 5 * MIB];

describe("a tunnel", () => {
  it("passes text and binary messages of 0 B to 5 MiB intact in both directions", async () => {
    const backend = await startBackend("a", { options: { perMessageDeflate: false } });
    const edge = await startTestEdge([backend], { limits: { messageBytes: "8MiB" } });
    const client = await openClient(edge.ws, { perMessageDeflate: false });
    for (const size of sizes) {
      const bytes = randomBytes(size);
      client.socket.send(bytes);
      const binary = await client.message();
      expect(binary.isBinary).toBe(true);
      expect(binary.data.equals(bytes), `${size} bytes`).toBe(true);

      const text = bytes.toString("base64").slice(0, size);
      client.socket.send(text);
      const answer = await client.message();
      expect(answer.isBinary).toBe(false);
      expect(answer.data.toString() === text, `${size} characters`).toBe(true);
    }
    expect(await edge.metric("ringway_tunnel_messages_total")).toBe(sizes.length * 4);
  });

  it("keeps the order of many small messages sent at once", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws);
    for (let i = 0; i < 5_000; i++) client.socket.send(`message ${i}`);
    for (let i = 0; i < 5_000; i++) expect(await client.text()).toBe(`message ${i}`);
  });

  it("passes fragmented messages and pings inside them", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws, { perMessageDeflate: false });
    const pong = once(client.socket, "pong");
    client.socket.send("one ", { fin: false });
    client.socket.ping("between");
    client.socket.send("message", { fin: true });
    expect(String((await pong)[0])).toBe("between");
    expect(await client.text()).toBe("one message");
  });

  it("passes what both sides send right behind their handshakes", async () => {
    const backend = await startBackend("a", {
      webSocket(socket) {
        socket.send("first");
        socket.on("message", (data: Buffer) => socket.send(data, { binary: false }));
      },
    });
    const edge = await startTestEdge([backend]);
    const client = new TestClient(edge.ws);
    expect(await client.text()).toBe("first");
    client.socket.send("second");
    expect(await client.text()).toBe("second");
  });

  it("carries every close code and reason from client to backend", async () => {
    const seen: Promise<[number, Buffer]>[] = [];
    const backend = await startBackend("a", {
      webSocket: (socket) => seen.push(once(socket, "close") as Promise<[number, Buffer]>),
    });
    const edge = await startTestEdge([backend]);
    const codes = [...SENDABLE, 3000, 3999, 4000, 4500, 4999];
    for (const code of codes) {
      const client = await openClient(edge.ws);
      client.socket.close(code, `because ${code}`);
      expect(await client.closed).toEqual({ code, reason: `because ${code}` });
    }
    const closes = (await Promise.all(seen)).map(([code, why]) => [code, String(why)]);
    expect(closes).toEqual(codes.map((code) => [code, `because ${code}`]));
  });

  it("carries every close code and reason from backend to client", async () => {
    const codes = [...SENDABLE, 3000, 3999, 4000, 4500, 4999];
    const backend = await startBackend("a", {
      webSocket(socket, request) {
        const code = Number(new URL(request.url ?? "", "http://x").searchParams.get("code"));
        socket.close(code, `because ${code}`);
      },
    });
    const edge = await startTestEdge([backend]);
    for (const code of codes) {
      const client = new TestClient(`${edge.ws}/?code=${code}`);
      expect(await client.closed).toEqual({ code, reason: `because ${code}` });
    }
    const closes = await edge.metric("ringway_tunnel_closes_total", { by: "backend" });
    expect(closes).toBe(codes.length);
  });

  it("passes an empty Close as one without a code", async () => {
    const backend = await startBackend("a", { webSocket: (socket) => socket.close() });
    const edge = await startTestEdge([backend]);
    const client = new TestClient(edge.ws);
    expect(await client.closed).toEqual({ code: 1005, reason: "" });
  });

  it("lets client and backend negotiate permessage-deflate, and counts compressed bytes", async () => {
    const backend = await startBackend("a", {
      options: { perMessageDeflate: { threshold: 0 } },
    });
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws, { perMessageDeflate: { threshold: 0 } });
    expect(client.socket.extensions).toBe("permessage-deflate");
    const text = "the same again and ".repeat(10_000);
    client.socket.send(text);
    expect((await client.text()) === text).toBe(true);
    const bytes = await edge.metric("ringway_tunnel_bytes_total", { direction: "from_client" });
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(text.length / 10);
  });

  it("leaves query, subprotocol, extensions and the application's headers as they were sent", async () => {
    const requests: { url: string | undefined; headers: NodeJS.Dict<string | string[]> }[] = [];
    const backend = await startBackend("a", {
      options: { handleProtocols: () => "chat.v2" },
      webSocket: (_, { url, headers }) => requests.push({ url, headers }),
    });
    const edge = await startTestEdge([backend]);
    const path = "/room/7?token=a%20b&x=1&x=2";
    const client = await openClient(
      edge.ws + path,
      { headers: { Authorization: "Bearer abc", "X-Custom": "kept", Cookie: "a=1; b=2" } },
      ["chat.v1", "chat.v2"],
    );
    expect(client.socket.protocol).toBe("chat.v2");
    expect(requests).toHaveLength(1);
    expect(requests[0]?.url).toBe(path);
    expect(requests[0]?.headers).toMatchObject({
      authorization: "Bearer abc",
      "x-custom": "kept",
      cookie: "a=1; b=2",
      "sec-websocket-protocol": "chat.v1,chat.v2",
      "sec-websocket-extensions": "permessage-deflate; client_max_window_bits",
      host: edge.ws.slice("ws://".length),
    });
  });

  it("tells the backend who connected, and drops what a client claims of itself", async () => {
    const seen: NodeJS.Dict<string | string[]>[] = [];
    const backend = await startBackend("a", { webSocket: (_, r) => seen.push(r.headers) });
    const edge = await startTestEdge([backend], { affinity: ["ip"] });
    await openClient(edge.ws, {
      headers: {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        Forwarded: "for=203.0.113.9",
        "X-Request-Id": "mine",
        "Ringway-Session": "somebody-else",
        "Ringway-Attempt": "7",
      },
    });
    const [headers = {}] = seen;
    expect(headers["x-forwarded-for"]).toBe("127.0.0.1");
    expect(headers["x-forwarded-proto"]).toBe("http");
    expect(headers["forwarded"]).toMatch(/^for=127\.0\.0\.1;proto=http;host=/);
    expect(headers["x-request-id"]).not.toBe("mine");
    expect(headers["ringway-session"]).toMatch(/^[\w-]{22}$/);
    expect(headers["ringway-attempt"]).toBeUndefined();
  });

  it("writes one log line when it ends, with what passed and who closed", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend]);
    const client = await openClient(edge.ws, { perMessageDeflate: false });
    client.socket.send("12345");
    await client.text();
    client.socket.close(4001, "done");
    await client.closed;
    const { fields } = await edge.logged("tunnel ended");
    expect(fields).toMatchObject({
      pool: "test",
      backend: "a",
      closedBy: "client",
      closeCode: 4001,
      fault: undefined,
      fromClient: { messages: 1, frames: 2, bytes: 6 + 5 + 6 + 2 + 4 },
      fromBackend: { messages: 1 },
    });
    expect(client.socket.readyState).toBe(WebSocket.CLOSED);
  });
});
