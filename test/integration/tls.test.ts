import { once } from "node:events";
import { copyFile, readFile, rename, writeFile } from "node:fs/promises";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { greetAs, startBackend, trackServer } from "../support/backend.ts";
import { makeCertificate, temporaryDirectory } from "../support/certificate.ts";
import { openClient, RawClient } from "../support/client.ts";
import { startTestEdge, type TestEdge } from "../support/edge.ts";

async function secureEdge(
  backends: readonly { id: string; url: string }[],
  tls: object,
  pool: object = {},
): Promise<TestEdge & { wss: string }> {
  const edge = await startTestEdge(backends, pool, {
    listeners: [{ address: "127.0.0.1:0", tls: tls as never }],
  });
  return { ...edge, wss: edge.ws.replace("ws:", "wss:") };
}

/** Shakes hands and says whose certificate was shown. */
async function shownName(port: number, options: ConnectionOptions = {}): Promise<string> {
  const socket: TLSSocket = connect({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ...options,
  });
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, "secureConnect");
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

describe("a TLS listener", () => {
  it("carries WebSockets and plain requests, and marks its cookie Secure", async () => {
    const files = await makeCertificate(join(await temporaryDirectory(), "a"), ["localhost"]);
    const seen: unknown[] = [];
    const backend = await startBackend("a", {
      webSocket(socket, request) {
        seen.push(request.headers["x-forwarded-proto"]);
        greetAs("a")(socket);
      },
    });
    const edge = await secureEdge(
      [backend],
      { certificates: [files] },
      {
        affinity: [{ cookie: { name: "ringway", insert: true } }],
      },
    );
    const client = await openClient(edge.wss, { rejectUnauthorized: false });
    expect(await client.text()).toBe("a");
    expect((await client.headers)["set-cookie"]?.[0]).toMatch(/; SameSite=Lax; Secure$/);
    expect(seen).toEqual(["https"]);
    client.socket.close(4000, "bye");
    expect(await client.closed).toEqual({ code: 4000, reason: "bye" });
  });

  it("chooses among several certificates by server name, the first without a match", async () => {
    const directory = await temporaryDirectory();
    const certificates = await Promise.all([
      makeCertificate(join(directory, "a"), ["a.example.com"]),
      makeCertificate(join(directory, "b"), ["b.example.com", "b2.example.com"]),
      makeCertificate(join(directory, "c"), ["*.wild.example.com"]),
    ]);
    const edge = await secureEdge([await startBackend("a")], { certificates });
    const names = ["b.example.com", "b2.example.com", "x.wild.example.com", "unknown.example.com"];
    const shown = [];
    for (const servername of names) shown.push(await shownName(edge.port, { servername }));
    shown.push(await shownName(edge.port));
    expect(shown).toEqual([
      "b.example.com",
      "b.example.com",
      "*.wild.example.com",
      "a.example.com",
      "a.example.com",
    ]);
  });

  it("gives new handshakes a new certificate and leaves open connections alone", async () => {
    const directory = await temporaryDirectory();
    const files = await makeCertificate(join(directory, "site"), ["old.example.com"]);
    const next = await makeCertificate(join(directory, "next"), ["new.example.com"]);
    const edge = await secureEdge([await startBackend("a")], { certificates: [files] });
    const client = await openClient(edge.wss, { rejectUnauthorized: false });
    expect(await shownName(edge.port, { servername: "x.example.com" })).toBe("old.example.com");

    await copyFile(next.key, files.key); // the pair does not fit for a moment
    await edge.logged("certificates not reloaded, the ones before stay");
    expect(await shownName(edge.port)).toBe("old.example.com");
    await rename(next.cert, files.cert);
    await edge.logged("certificates reloaded");
    expect(await shownName(edge.port)).toBe("new.example.com");
    expect(await shownName(edge.port, { servername: "x.example.com" })).toBe("new.example.com");
    client.socket.send("still here");
    expect(await client.text()).toBe("still here");
  });

  it("keeps the old certificate when the new file is broken", async () => {
    const directory = await temporaryDirectory();
    const files = await makeCertificate(join(directory, "site"), ["old.example.com"]);
    const edge = await secureEdge([await startBackend("a")], { certificates: [files] });
    await writeFile(files.cert, "not a certificate");
    const line = await edge.logged("certificates not reloaded, the ones before stay");
    expect(String(line.fields["cause"])).toContain(files.cert);
    expect(await shownName(edge.port)).toBe("old.example.com");
  });

  it("asks clients for a certificate of its CA, whatever name they call", async () => {
    const directory = await temporaryDirectory();
    const ca = await makeCertificate(join(directory, "ca"), ["ca.example.com"]);
    const site = await makeCertificate(join(directory, "site"), ["site.example.com"]);
    const mine = await makeCertificate(join(directory, "mine"), ["me"], ca);
    const edge = await secureEdge([await startBackend("a", { webSocket: greetAs("a") })], {
      certificates: [site],
      clientCa: ca.cert,
      minVersion: "TLSv1.3",
    });
    const pair = { cert: await readFile(mine.cert), key: await readFile(mine.key) };
    for (const servername of ["site.example.com", "other.example.com"]) {
      const options = { rejectUnauthorized: false, servername };
      const known = await openClient(edge.wss, { ...options, ...pair });
      expect(await known.text()).toBe("a");
      await expect(openClient(edge.wss, options)).rejects.toThrow();
    }
  });
});

describe("a client that does not finish its TLS handshake", () => {
  it("does not hold up the end of the edge", async () => {
    const files = await makeCertificate(join(await temporaryDirectory(), "a"), ["localhost"]);
    const edge = await secureEdge([await startBackend("a")], { certificates: [files] });
    const client = new RawClient(edge.port);
    await once(client.socket, "connect");
    await new Promise((resolve) => client.socket.write(Buffer.from([0x16, 3, 1]), resolve));
    await edge.edge.destroy();
    await client.ended;
  });
});

describe("an https backend", () => {
  async function secureBackend(names: readonly string[]) {
    const files = await makeCertificate(join(await temporaryDirectory(), "backend"), names);
    const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
    const server = createSecureServer({ cert, key }, (_, response) => response.end("secure"));
    new WebSocketServer({ server }).on("connection", greetAs("secure"));
    await trackServer("secure", server);
    const { port } = server.address() as AddressInfo;
    return { backend: { id: "secure", url: `https://127.0.0.1:${port}` }, ca: files.cert };
  }

  it("is verified against the pool's CA, for upgrades and plain requests", async () => {
    const { backend, ca } = await secureBackend(["127.0.0.1"]);
    const edge = await startTestEdge([backend], { tls: { ca } });
    const client = await openClient(edge.ws);
    expect(await client.text()).toBe("secure");
    for (let i = 0; i < 3; i++) expect(await (await fetch(edge.http)).text()).toBe("secure");
  });

  it("that can't be verified gets nothing", async () => {
    const { backend } = await secureBackend(["127.0.0.1"]);
    const edge = await startTestEdge([backend]);
    expect((await fetch(edge.http)).status).toBe(503);
    const cause = "DEPTH_ZERO_SELF_SIGNED_CERT";
    expect(await edge.metric("ringway_dial_failures_total", { cause })).toBe(1);
  });
});
