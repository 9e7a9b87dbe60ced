import { once } from "node:events";
import {
  Agent,
  request,
  type ClientRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { describe, expect, it } from "vitest";
import { startBackend } from "../support/backend.ts";
import { RawClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

async function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe("plain HTTP", () => {
  it("passes events as they are sent, before the first of them too", async () => {
    let stream: ServerResponse | undefined;
    const backend = await startBackend("a", {
      http(_, response) {
        stream = response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.flushHeaders();
      },
    });
    const edge = await startTestEdge([backend]);
    const response = await fetch(edge.http); // resolves with the headers alone
    const reader = response.body?.getReader();
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      stream?.write(event);
      expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(event);
    }
    stream?.end();
    expect((await reader?.read())?.done).toBe(true);
  });

  it("passes bodies of both framings in both directions", async () => {
    const backend = await startBackend("a", {
      http(message, response) {
        response.setHeader("X-Framing", message.headers["transfer-encoding"] ?? "length");
        message.pipe(response);
      },
    });
    const edge = await startTestEdge([backend]);
    const body = "x".repeat(300_000);
    const counted = await fetch(edge.http, { method: "POST", body });
    expect(counted.headers.get("x-framing")).toBe("length");
    expect((await counted.text()) === body).toBe(true);

    const chunked = request(edge.http, { method: "PUT" });
    chunked.write(body);
    chunked.end("end");
    const response = await answerOf(chunked);
    expect(response.headers["x-framing"]).toBe("chunked");
    expect((await bodyOf(response)) === `${body}end`).toBe(true);
  });

  it("lets the backend decide on 100-continue", async () => {
    const backend = await startBackend("a", {});
    const order: string[] = [];
    backend.server.on("checkContinue", (message, response) => {
      order.push(`asked with ${String(message.headers.expect)}`);
      if (message.url === "/no") {
        response.writeHead(417).end();
        return;
      }
      response.writeContinue();
      message.pipe(response);
    });
    const edge = await startTestEdge([backend]);
    const headers = { Expect: "100-continue", "Content-Length": 4 };
    const welcome = request(`${edge.http}/yes`, { method: "POST", headers });
    welcome.flushHeaders();
    await once(welcome, "continue");
    order.push("granted");
    welcome.end("body");
    expect(await bodyOf(await answerOf(welcome))).toBe("body");

    const refused = request(`${edge.http}/no`, { method: "POST", headers });
    refused.on("continue", () => order.push("never")).flushHeaders();
    expect((await answerOf(refused)).statusCode).toBe(417);
    refused.destroy();
    expect(order).toEqual(["asked with 100-continue", "granted", "asked with 100-continue"]);
  });

  it("answers HEAD with the length of the body that it leaves out, and 304 without one", async () => {
    const backend = await startBackend("a", {
      http(message, response) {
        if (message.url === "/304") response.writeHead(304, { ETag: '"1"' }).end();
        else response.writeHead(200, { "Content-Length": 1234 }).end();
      },
    });
    const edge = await startTestEdge([backend]);
    const head = await fetch(edge.http, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("1234");
    const unchanged = await fetch(`${edge.http}/304`);
    expect([unchanged.status, unchanged.headers.get("etag")]).toEqual([304, '"1"']);
  });

  it("passes trailers in both directions", async () => {
    const backend = await startBackend("a", {
      http(message, response) {
        message.resume().on("end", () => {
          response.writeHead(200, { Trailer: "X-Sum" });
          response.write("body");
          response.addTrailers({ "X-Sum": String(message.trailers["x-check"]) });
          response.end();
        });
      },
    });
    const edge = await startTestEdge([backend]);
    const sent = request(edge.http, { method: "POST", headers: { Trailer: "X-Check" } });
    sent.write("data");
    sent.addTrailers({ "X-Check": "42" });
    sent.end();
    const response = await answerOf(sent);
    expect(response.headers["trailer"]).toBe("X-Sum");
    expect(await bodyOf(response)).toBe("body");
    expect(response.trailers).toEqual({ "x-sum": "42" });
  });

  it("keeps connections to clients and backends alive", async () => {
    const backend = await startBackend("a");
    let accepted = 0;
    backend.server.on("connection", () => accepted++);
    const edge = await startTestEdge([backend]);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 20; i++) {
      const response = await answerOf(request(edge.http, { agent }).end());
      ports.add(response.socket.localPort);
      await bodyOf(response);
    }
    agent.destroy();
    expect(ports.size).toBe(1);
    expect(accepted).toBe(1);
  });

  it("repeats a request whose kept connection the backend had just ended", async () => {
    const backend = await startBackend("a");
    const edge = await startTestEdge([backend]);
    expect(await (await fetch(edge.http)).text()).toBe("a");
    // The backend hangs up at the very moment that the next request comes in.
    backend.server.prependOnceListener("request", (message) => message.socket.destroy());
    expect(await (await fetch(edge.http)).text()).toBe("a");
  });

  it("does not pass fields that mean one connection, nor those that Connection names", async () => {
    let seen: NodeJS.Dict<string | string[]> = {};
    const backend = await startBackend("a", {
      http(message, response) {
        seen = message.headers;
        response
          .writeHead(200, { Connection: "X-Secret", "X-Secret": "1", "Keep-Alive": "timeout=7" })
          .end();
      },
    });
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    client.write(
      "GET / HTTP/1.1\r\nHost: test\r\nConnection: close, X-Drop\r\nX-Drop: 1\r\nX-Keep: 1\r\n" +
        "Proxy-Connection: keep-alive\r\nTE: trailers, deflate\r\nKeep-Alive: timeout=3\r\n" +
        "Proxy-Authorization: Basic eA==\r\n\r\n",
    );
    await client.ended;
    const answer = client.received.toString().toLowerCase();
    expect(answer).toContain("connection: close");
    expect(answer).not.toMatch(/x-secret|keep-alive/);
    expect(seen).toMatchObject({ "x-keep": "1", te: "trailers", host: "test" });
    for (const name of ["x-drop", "proxy-connection", "keep-alive", "proxy-authorization"]) {
      expect(seen[name], name).toBeUndefined();
    }
  });

  it("keeps repeated fields and cookies apart, and the path as it was written", async () => {
    let seen: IncomingMessage | undefined;
    const backend = await startBackend("a", {
      http(message, response) {
        seen = message;
        response.setHeader("Set-Cookie", ["a=1", "b=2"]).end();
      },
    });
    const edge = await startTestEdge([backend], {
      affinity: [{ cookie: { name: "ringway", insert: true } }],
    });
    const client = new RawClient(edge.port);
    const path = "//a/b%2Fc/?x=%20&y=a+b?c";
    client.write(
      `GET ${path} HTTP/1.1\r\nHost: test\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\n`,
    );
    await client.ended;
    expect(seen?.url).toBe(path);
    expect(seen?.headersDistinct["x-a"]).toEqual(["1", "2"]);
    const cookies = client.received.toString().match(/^set-cookie: [^=]+/gim);
    expect(cookies?.map((line) => line.slice(12))).toEqual(["a", "b", "ringway"]);
  });

  it("follows the absolute form of a request target", async () => {
    const backend = await startBackend("a", {
      http: (message, response) =>
        response.end(`${message.headers.host ?? ""} ${message.url ?? ""}`),
    });
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    client.write(
      "GET http://real.example/p?q HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n",
    );
    await client.ended;
    expect(client.received.toString()).toContain("real.example /p?q");
  });

  it("serves a client that offers another upgrade, such as h2c, as if it had not", async () => {
    const backend = await startBackend("a", {
      http(message, response) {
        expect(message.headers.upgrade).toBeUndefined();
        expect(message.headers["http2-settings"]).toBeUndefined();
        message.pipe(response);
      },
    });
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    client.write(
      "POST /x HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
        "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 4\r\n\r\nbody" +
        "GET /second HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
    );
    await client.ended;
    expect(client.received.toString().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(client.received.toString()).toContain("body");
  });
});
