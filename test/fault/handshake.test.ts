import { once } from "node:events";
import { createServer } from "node:http";
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { acceptOf } from "../../src/wire/upgrade.ts";
import { greetAs, startBackend, trackServer, type TestBackend } from "../support/backend.ts";
import { startBlackHole } from "../support/black-hole.ts";
import { openClient, RawClient, refusedUpgrade, upgradeRequest } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

/** A backend that answers an upgrade with these bytes. */
async function answering(id: string, answer: (key: string) => string): Promise<TestBackend> {
  const server = createServer();
  server.on("upgrade", (request, socket: Socket) => {
    socket.resume().on("end", () => socket.end());
    socket.write(answer(request.headers["sec-websocket-key"] ?? ""));
  });
  return trackServer(id, server);
}

/** A TCP server that accepts and then does what the test says. */
async function tcpServer(id: string, onConnection: (socket: Socket) => void) {
  const server: Server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    onTestFinished(() => {
      socket.destroy();
    });
    onConnection(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return { id, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const switching =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";

const flawed: [string, (key: string) => string][] = [
  ["another key", () => `${switching}Sec-WebSocket-Accept: ${acceptOf("x")}\r\n\r\n`],
  ["no key", () => `${switching}\r\n`],
  [
    "a subprotocol that was not offered",
    (key) =>
      `${switching}Sec-WebSocket-Accept: ${acceptOf(key)}\r\nSec-WebSocket-Protocol: x\r\n\r\n`,
  ],
  [
    "an extension that was not offered",
    (key) =>
      `${switching}Sec-WebSocket-Accept: ${acceptOf(key)}\r\nSec-WebSocket-Extensions: x-y\r\n\r\n`,
  ],
  [
    "another protocol",
    (key) =>
      `HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
  ],
  ["no HTTP at all", () => "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
  ["a folded header", () => `${switching}X: 1\r\n 2\r\n\r\n`],
  ["a head without end", () => `${switching}X: ${"x".repeat(20_000)}`],
];

describe("a backend's handshake", () => {
  it.each(flawed)("with %s is answered 502, and its connection is closed", async (_, answer) => {
    const backend = await answering("a", answer);
    const edge = await startTestEdge([backend]);
    const { status, body } = await refusedUpgrade(edge.ws);
    expect(status).toBe(502);
    expect(JSON.parse(body)).toMatchObject({ error: "bad_handshake" });
    for (const socket of backend.sockets) if (!socket.closed) await once(socket, "close");
    expect(await edge.metric("ringway_upgrades_total", { result: "bad_handshake" })).toBe(1);
  });

  it("that refuses is passed on with its status, headers and body", async () => {
    const backend = await startBackend("a", {
      options: { noServer: false, verifyClient: (_, done) => done(false, 401, "who are you?") },
    });
    const edge = await startTestEdge([backend]);
    const { status, body } = await refusedUpgrade(edge.ws);
    expect([status, body]).toEqual([401, "who are you?"]);
    expect(await edge.metric("ringway_upgrades_total", { result: "refused" })).toBe(1);
  });

  it.each([
    ["of known length", "Content-Length: 5\r\n\r\nmoved"],
    ["in chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nmov\r\n2\r\ned\r\n0\r\n\r\n"],
  ])("that refuses on a kept connection with a body %s ends with it", async (_, rest) => {
    const backend = await answering("a", () => `HTTP/1.1 302 Found\r\nLocation: /x\r\n${rest}`);
    const edge = await startTestEdge([backend]);
    const { status, headers, body } = await refusedUpgrade(edge.ws);
    expect([status, headers["location"], body]).toEqual([302, "/x", "moved"]);
    expect(headers["connection"]).toBe("close");
  });

  it("that never comes moves the client to the next candidate", async () => {
    const silent = await tcpServer("silent", (socket) => socket.resume());
    const live = await startBackend("live", { webSocket: greetAs("live") });
    const edge = await startTestEdge([silent, live], { timeouts: { handshake: "100ms" } });
    for (let i = 0; i < 2; i++) {
      const client = await openClient(edge.ws);
      expect(await client.text()).toBe("live");
    }
    const failed = await edge.metric("ringway_dial_failures_total", { cause: "handshake_timeout" });
    expect(failed).toBe(1);
  });

  it("that never comes from any is answered 504", async () => {
    const silent = await tcpServer("silent", (socket) => socket.resume());
    const edge = await startTestEdge([silent], { timeouts: { handshake: "50ms" } });
    const { status, body } = await refusedUpgrade(edge.ws);
    expect(status).toBe(504);
    expect(JSON.parse(body)).toMatchObject({ error: "handshake_timeout" });
  });

  it("that is cut off moves the client to the next candidate", async () => {
    const cut = await tcpServer("cut", (socket) => socket.once("data", () => socket.destroy()));
    const live = await startBackend("live", { webSocket: greetAs("live") });
    const edge = await startTestEdge([cut, live]);
    for (let i = 0; i < 2; i++) {
      expect(await (await openClient(edge.ws)).text()).toBe("live");
    }
  });
});

describe("a backend that swallows connections", () => {
  it("does not use up the time that the others need", async () => {
    const live = await startBackend("live", { webSocket: greetAs("live") });
    const edge = await startTestEdge([await startBlackHole("dead"), live], {
      timeouts: { connect: "400ms" },
    });
    for (let i = 0; i < 2; i++) {
      expect(await (await openClient(edge.ws)).text()).toBe("live");
    }
    const failed = await edge.metric("ringway_dial_failures_total", { cause: "ETIMEDOUT" });
    expect(failed).toBe(1);
  });

  it("is answered 503 within the connect time-out when there is no other", async () => {
    const dead = [await startBlackHole("dead"), await startBlackHole("deaf")];
    const edge = await startTestEdge(dead, { timeouts: { connect: "400ms" } });
    const { status, body } = await refusedUpgrade(edge.ws);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ error: "no_backend" });
    expect(await edge.metric("ringway_dial_failures_total", { cause: "ETIMEDOUT" })).toBe(2);
  });
});

describe("a client that leaves during the handshake", () => {
  it.each(["resets", "ends"])("and %s takes the backend's connection with it", async (how) => {
    const arrived: Socket[] = [];
    let onArrival: (() => void) | undefined;
    const backend = await tcpServer("a", (socket) => {
      arrived.push(socket.resume().on("end", () => socket.end()));
      onArrival?.();
    });
    const edge = await startTestEdge([backend]);
    for (let i = 0; i < 20; i++) {
      const there = new Promise<void>((resolve) => (onArrival = resolve));
      const client = new RawClient(edge.port);
      client.write(upgradeRequest());
      await there;
      if (how === "resets") client.socket.resetAndDestroy();
      else client.socket.end();
    }
    for (const socket of arrived) if (!socket.closed) await once(socket, "close");
    const gone = await edge.metric("ringway_upgrades_total", { result: "client_gone" });
    expect(gone).toBe(20);
    expect((await fetch(`${edge.admin}/livez`)).status).toBe(200);
  });
});

describe("a malformed upgrade", () => {
  const valid = upgradeRequest();
  it.each([
    ["no key", valid.replace(/Sec-WebSocket-Key.*\r\n/, ""), 400],
    ["a short key", valid.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400],
    [
      "two keys",
      valid.replace("\r\n\r\n", "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
      400,
    ],
    ["no host", valid.replace("Host: test\r\n", ""), 400],
    ["two hosts", valid.replace("\r\n\r\n", "\r\nHost: other\r\n\r\n"), 400],
    ["another method", valid.replace("GET", "POST"), 400],
    ["version 8", valid.replace("Version: 13", "Version: 8"), 426],
    ["no version", valid.replace(/Sec-WebSocket-Version.*\r\n/, ""), 426],
  ])("with %s is refused before any backend hears of it", async (_, bytes, status) => {
    let heard = 0;
    const backend = await tcpServer("a", () => heard++);
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    client.write(bytes);
    await client.ended;
    const answer = client.received.toString();
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    if (status === 426) expect(answer).toContain("Sec-WebSocket-Version: 13");
    expect(heard).toBe(0);
  });

  it("to a host or path without a route is answered 404, from a foreign origin 403", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge(
      [backend],
      {},
      {
        routes: [
          { host: "*.example.com", path: "/ws", pool: "test", origins: ["https://example.com"] },
        ],
      },
    );
    const host = { Host: "chat.example.com" };
    expect((await refusedUpgrade(edge.ws)).status).toBe(404);
    expect((await refusedUpgrade(`${edge.ws}/wsx`, { headers: host })).status).toBe(404);
    const foreign = { headers: host, origin: "https://evil.example" };
    expect((await refusedUpgrade(`${edge.ws}/ws`, foreign)).status).toBe(403);
    await openClient(`${edge.ws}/ws/deep`, { headers: host, origin: "https://example.com" });
  });
});
