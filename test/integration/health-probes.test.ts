import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { probes, type ProbeKind } from "../../src/health/index.ts";
import { LiveBackend } from "../../src/upstream/backend.ts";
import { startBackend, startRawBackend, trackServer } from "../support/backend.ts";
import { startBlackHole } from "../support/black-hole.ts";
import { makeCertificate, temporaryDirectory } from "../support/certificate.ts";
import { backendAt } from "../support/live-pool.ts";
import { until } from "../support/until.ts";

interface Asked {
  readonly port: number;
  readonly path?: string;
  readonly timeoutMs?: number;
  readonly ca?: string;
  readonly signal?: AbortSignal;
}

function probe(kind: ProbeKind, asked: Asked): Promise<string | undefined> {
  const { port, path = "/healthz", timeoutMs = 5_000, ca, signal } = asked;
  const { id, url } = backendAt("a", port);
  const tls = ca !== undefined;
  const address = { kind: "tcp", host: "127.0.0.1", port, tls } as const;
  return probes[kind](new LiveBackend({ id, url, weight: 1, address }), {
    ...{ path, timeoutMs, clock: systemClock },
    tls: tls ? { ca } : {},
    signal: signal ?? new AbortController().signal,
  });
}

async function http(listener: RequestListener): Promise<{ port: number; open: () => number }> {
  const backend = await trackServer("a", createHttpServer(listener));
  return { port: backend.port, open: () => backend.sockets.size };
}

describe("an HTTP check", () => {
  it.each([
    [200, undefined],
    [204, undefined],
    [302, undefined],
    [404, "status 404"],
    [500, "status 500"],
  ])("of an answer of %d finds %s", async (status, cause) => {
    const { port, open } = await http((request, response) => {
      expect(request.headers).toMatchObject({
        host: `127.0.0.1:${port}`,
        "user-agent": "ringway-health",
      });
      response.writeHead(request.url === "/healthz" ? status : 418).end();
    });
    expect(await probe("http", { port })).toBe(cause);
    await until("it has hung up", () => open() === 0);
  });

  it("does not wait for a body without end, and sees through early hints", async () => {
    const { port, open } = await http((_, response) => {
      response.writeEarlyHints({ link: "</a>; rel=preload" });
      response.write("x".repeat(100_000));
    });
    expect(await probe("http", { port })).toBeUndefined();
    await until("it has hung up", () => open() === 0);
  });

  it("finds those that refuse, say nothing, hang up or talk otherwise", async () => {
    const silent = await http(() => undefined);
    expect(await probe("http", { port: silent.port, timeoutMs: 100 })).toBe("timeout");
    await until("it has hung up", () => silent.open() === 0);
    const hangingUp = await http((request) => request.socket.destroy());
    expect(await probe("http", { port: hangingUp.port })).toBe("closed");
    const babble = await startRawPeer((socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    expect(await probe("http", { port: babble })).toBe("no HTTP");
    const gone = await startBackend("gone");
    await gone.kill();
    expect(await probe("http", { port: gone.port })).toBe("ECONNREFUSED");
    const hole = await startBlackHole("hole");
    const port = Number(new URL(hole.url).port);
    expect(await probe("http", { port, timeoutMs: 100 })).toBe("ETIMEDOUT");
  });

  it("verifies TLS with the pool's CA, and stops when it is told to", async () => {
    const files = await makeCertificate(join(await temporaryDirectory(), "a"), ["127.0.0.1"]);
    const [cert, key] = await Promise.all([files.cert, files.key].map((f) => readFile(f, "utf8")));
    const secure = { cert: cert ?? "", key: key ?? "" };
    const server = createSecureServer(secure, (_, response) => response.end());
    const { port } = await trackServer("a", server);
    expect(await probe("http", { port, ca: secure.cert })).toBeUndefined();
    expect(await probe("tcp", { port, ca: secure.cert })).toBeUndefined();
    const other = await makeCertificate(join(await temporaryDirectory(), "b"), ["127.0.0.1"]);
    const wrong = await readFile(other.cert, "utf8");
    expect(await probe("tcp", { port, ca: wrong })).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");

    const silent = await http(() => undefined);
    const stop = new AbortController();
    const asked = probe("http", { port: silent.port, signal: stop.signal });
    await until("it has asked", () => silent.open() === 1);
    stop.abort();
    expect(await asked).toBe("aborted");
    await until("it has hung up", () => silent.open() === 0);
  });
});

describe("a TCP check", () => {
  it("asks for a connection and no more", async () => {
    const { port, open } = await http(() => undefined);
    expect(await probe("tcp", { port })).toBeUndefined();
    await until("it has hung up", () => open() === 0);
  });
});

describe("a WebSocket check", () => {
  it("shakes hands at its path, pings, and takes its leave", async () => {
    let path: string | undefined;
    let code: number | undefined;
    const backend = await startBackend("a", {
      webSocket(socket, request) {
        path = request.url;
        socket.on("close", (given) => (code = given)).on("error", () => undefined);
      },
    });
    expect(await probe("websocket", { port: backend.port, path: "/ws?x=1" })).toBeUndefined();
    await until("it has left", () => backend.sockets.size === 0 && code !== undefined);
    expect([path, code]).toEqual(["/ws?x=1", 1000]);
  });

  it("finds a backend that shakes hands but does not answer pings", async () => {
    const mute = await startRawBackend((socket) => {
      socket.on("end", () => socket.end()).resume();
    });
    expect(await probe("websocket", { port: mute.port, timeoutMs: 200 })).toBe("timeout");
    await until("it has hung up", () => mute.sockets.size === 0);
  });

  it("finds a backend that serves HTTP alone, or hangs up", async () => {
    const plain = await http((_, response) => response.writeHead(404).end());
    expect(await probe("websocket", { port: plain.port })).toBe("status 404");
    const hangingUp = await startRawBackend((socket) => socket.destroy());
    expect(await probe("websocket", { port: hangingUp.port })).toMatch(/^(closed|no WebSocket)$/);
  });
});

async function startRawPeer(greet: (socket: Socket) => void): Promise<number> {
  const server = createHttpServer();
  server.removeAllListeners("connection").on("connection", greet);
  return (await trackServer("raw", server)).port;
}
