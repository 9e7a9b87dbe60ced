import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeCertificate, temporaryDirectory } from "../support/certificate.ts";
import { startEdge } from "../../src/edge.ts";
import type { EdgeConfigInput } from "../../src/config/schema.ts";
import { parseProxyHeader, proxyHeader } from "../../src/wire/proxy-protocol.ts";
import { RawClient } from "../support/client.ts";

/** A server that says its id, then echoes. */
async function startEcho(id: string, server: Server = createServer()): Promise<string> {
  const established = "setSecureContext" in server ? "secureConnection" : "connection";
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
  });
  server.on(established, (socket: Socket) => {
    socket.on("error", () => socket.destroy());
    socket.write(`${id}\n`);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Listener = EdgeConfigInput["listeners"][number];

async function startTcpEdge(
  pools: EdgeConfigInput["pools"],
  listener: Partial<Listener>,
): Promise<number> {
  const edge = await startEdge({
    listeners: [{ address: "127.0.0.1:0", mode: "tcp", ...listener }],
    pools,
    secret: "only for tests, 32 characters...",
  });
  onTestFinished(() => edge.destroy());
  return Number(edge.addresses[0]?.split(":").at(-1));
}

function firstLine(received: Buffer): string {
  return received.toString("latin1").split("\n")[0] ?? "";
}

async function greeting(client: RawClient): Promise<string> {
  return firstLine(await client.until((received) => received.includes("\n")));
}

async function startFleet(ids: readonly string[]): Promise<{ id: string; url: string }[]> {
  return Promise.all(ids.map(async (id) => ({ id, url: `tcp://${await startEcho(id)}` })));
}

describe("a TCP listener", () => {
  it("passes bytes both ways, and each side's end", async () => {
    const port = await startTcpEdge(
      { game: { backends: await startFleet(["a"]) } },
      { pool: "game" },
    );
    const client = new RawClient(port);
    expect(await greeting(client)).toBe("a");
    const sent = Buffer.alloc(3_000_000, "ringway ");
    client.write(sent);
    client.socket.end();
    expect(await client.ended).toBe("end");
    expect(client.received.subarray(2).equals(sent)).toBe(true);
  });

  it("takes its backends in turn, or by the client's address, always the same", async () => {
    const backends = await startFleet(["a", "b", "c"]);
    const turns = await startTcpEdge({ p: { policy: "round-robin", backends } }, { pool: "p" });
    const seen: string[] = [];
    for (let i = 0; i < 6; i++) seen.push(await greeting(new RawClient(turns)));
    expect(seen.toSorted()).toEqual(["a", "a", "b", "b", "c", "c"]);
    const hashed = await startTcpEdge({ p: { affinity: ["ip"], backends } }, { pool: "p" });
    const places = new Set<string>();
    for (let i = 0; i < 6; i++) places.add(await greeting(new RawClient(hashed)));
    expect(places.size).toBe(1);
  });

  it("goes on to the next backend when one is gone, and closes when all are", async () => {
    const [live] = await startFleet(["live"]);
    const gone = { id: "gone", url: "tcp://127.0.0.1:1" };
    const port = await startTcpEdge(
      { p: { policy: "round-robin", backends: [gone, live ?? gone] } },
      { pool: "p" },
    );
    for (let i = 0; i < 4; i++) expect(await greeting(new RawClient(port))).toBe("live");
    const empty = await startTcpEdge({ p: { backends: [gone] } }, { pool: "p" });
    await new RawClient(empty).ended;
  });

  it("ends its connections when the edge shuts down", async () => {
    const edge = await startEdge({
      listeners: [{ address: "127.0.0.1:0", mode: "tcp", pool: "p" }],
      pools: { p: { backends: await startFleet(["a"]), drain: { over: "0s" } } },
      secret: "only for tests, 32 characters...",
    });
    const client = new RawClient(Number(edge.addresses[0]?.split(":").at(-1)));
    await greeting(client);
    const closed = edge.close();
    expect(await client.ended).toBe("end");
    client.socket.end();
    await closed;
  });
});

describe("TLS at a TCP listener", () => {
  it("is passed through by server name: each real client sees the server's own certificate", async () => {
    const directory = await temporaryDirectory();
    const backend = async (name: string) => {
      const files = await makeCertificate(join(directory, name), [name]);
      const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
      const url = `tcp://${await startEcho(name, createTlsServer({ cert, key }))}`;
      return { cert, pool: { backends: [{ id: name, url }] } };
    };
    const one = await backend("one.example");
    const sub = await backend("deep.two.example");
    const port = await startTcpEdge(
      { one: one.pool, two: sub.pool },
      { sni: { "one.example": "one", "*.two.example": "two" } },
    );
    for (const [servername, { cert }] of [
      ["one.example", one],
      ["deep.two.example", sub],
    ] as const) {
      const socket = connectTls({ port, host: "127.0.0.1", servername, ca: cert });
      onTestFinished(() => void socket.destroy());
      await once(socket, "secureConnect");
      expect(socket.authorized).toBe(true);
      const [line] = (await once(socket, "data")) as [Buffer];
      expect(firstLine(line)).toBe(servername);
    }
    const other = connectTls({ port, host: "127.0.0.1", servername: "three.example" });
    const [error] = (await once(other, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
  });

  it("is not what another protocol is taken for", async () => {
    const port = await startTcpEdge(
      { p: { backends: await startFleet(["a"]) } },
      { sni: { "one.example": "p" } },
    );
    const client = new RawClient(port).write("GET / HTTP/1.1\r\n\r\n");
    await client.ended;
    expect(client.received.length).toBe(0);
  });

  it("ends at the edge where it has certificates", async () => {
    const directory = await temporaryDirectory();
    const files = await makeCertificate(join(directory, "edge"), ["edge.example"]);
    const port = await startTcpEdge(
      { p: { affinity: ["sni"], backends: await startFleet(["a"]) } },
      { pool: "p", tls: { certificates: [files] } },
    );
    const ca = await readFile(files.cert);
    const socket = connectTls({ port, host: "127.0.0.1", servername: "edge.example", ca });
    onTestFinished(() => void socket.destroy());
    const [line] = (await once(socket, "data")) as [Buffer];
    expect(firstLine(line)).toBe("a");
  });
});

/** A server that answers each connection with the PROXY header that came first. */
async function startHeaderReader(): Promise<string> {
  const server = createServer((socket) => {
    let received: Buffer = Buffer.alloc(0);
    socket
      .on("error", () => socket.destroy())
      .on("data", (chunk) => {
        received = Buffer.concat([received, chunk]);
        const header = parseProxyHeader(received);
        if (typeof header === "object") socket.end(`${JSON.stringify(header.connection)}\n`);
      });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const far = {
  source: { address: "203.0.113.9", port: 4711 },
  destination: { address: "198.51.100.1", port: 443 },
};

describe("the PROXY protocol", () => {
  it.each(["v1", "v2"] as const)("tells a backend in %s who the client is", async (version) => {
    const backends = [{ id: "a", url: await startHeaderReader() }];
    const port = await startTcpEdge({ p: { proxyProtocol: version, backends } }, { pool: "p" });
    const client = new RawClient(port);
    const told = JSON.parse(await greeting(client)) as typeof far;
    expect(told.source).toEqual({ address: "127.0.0.1", port: client.socket.localPort });
    expect(told.destination).toEqual({ address: "127.0.0.1", port });
  });

  it.each(["v1", "v2"] as const)(
    "in %s is believed from a trusted peer, and passed on",
    async (version) => {
      const backends = [{ id: "a", url: await startHeaderReader() }];
      const port = await startTcpEdge(
        { p: { proxyProtocol: "v2", backends } },
        { pool: "p", proxyProtocol: true, trustedProxies: ["127.0.0.1"] },
      );
      const header = proxyHeader(version, far);
      const client = new RawClient(port).write(header.subarray(0, 7));
      client.write(header.subarray(7));
      expect(JSON.parse(await greeting(client))).toEqual(far);
    },
  );

  it("is not believed from anybody else: what they send is payload", async () => {
    const port = await startTcpEdge(
      { p: { backends: await startFleet(["a"]) } },
      { pool: "p", proxyProtocol: true, trustedProxies: ["192.0.2.1"] },
    );
    const line = proxyHeader("v1", far);
    const client = new RawClient(port).write(line);
    await client.until((received) => received.includes(line));
  });

  it("is demanded of a trusted peer: a connection without it is closed", async () => {
    const port = await startTcpEdge(
      { p: { backends: await startFleet(["a"]) } },
      { pool: "p", proxyProtocol: true, trustedProxies: ["127.0.0.1"] },
    );
    const client = new RawClient(port).write("hello, server\r\n");
    await client.ended;
    expect(client.received.length).toBe(0);
  });

  it.each([false, true])(
    "tells an HTTP listener the client's address (TLS: %s)",
    async (secure) => {
      const { startBackend } = await import("../support/backend.ts");
      const backend = await startBackend("a", {
        http: (request, response) => response.end(String(request.headers["x-forwarded-for"])),
      });
      const directory = await temporaryDirectory();
      const files = await makeCertificate(join(directory, "edge"), ["edge.example"]);
      const edge = await startEdge({
        listeners: [
          {
            address: "127.0.0.1:0",
            proxyProtocol: true,
            trustedProxies: ["127.0.0.1"],
            ...(secure && { tls: { certificates: [files] } }),
          },
        ],
        routes: [{ pool: "p" }],
        pools: { p: { backends: [{ id: "a", url: backend.url }] } },
        secret: "only for tests, 32 characters...",
      });
      onTestFinished(() => edge.destroy());
      const raw = connect(Number(edge.addresses[0]?.split(":").at(-1)), "127.0.0.1");
      raw.write(proxyHeader("v2", far));
      const socket: Socket | TLSSocket = secure
        ? connectTls({ socket: raw, servername: "edge.example", rejectUnauthorized: false })
        : raw;
      onTestFinished(() => void raw.destroy());
      socket.write("GET / HTTP/1.1\r\nHost: edge.example\r\nConnection: close\r\n\r\n");
      let answer = "";
      for await (const chunk of socket) answer += String(chunk);
      expect(answer).toMatch(/^HTTP\/1.1 200 /);
      expect(answer).toContain("203.0.113.9");
    },
  );
});
