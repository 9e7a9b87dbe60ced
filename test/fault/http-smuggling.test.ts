import { describe, expect, it } from "vitest";
import { startBackend } from "../support/backend.ts";
import { RawClient } from "../support/client.ts";
import { startTestEdge } from "../support/edge.ts";

async function backendLog() {
  const seen: string[] = [];
  const backend = await startBackend("a", {
    http(message, response) {
      const chunks: Buffer[] = [];
      message.on("data", (chunk: Buffer) => chunks.push(chunk));
      message.on("end", () => {
        seen.push(`${message.method ?? ""} ${message.url ?? ""} [${chunks.join("")}]`);
        response.end("ok");
      });
    },
  });
  return { seen, backend };
}

const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

describe("a request that hides another", () => {
  it.each(["DELETE", "OPTIONS"])("in the chunked body of a %s stays a body", async (method) => {
    const { seen, backend } = await backendLog();
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    client.write(
      `${method} /open HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n` +
        `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
    );
    await client.ended;
    expect(seen).toEqual([`${method} /open [${hidden}]`]);
  });

  it.each([
    ["two framings", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["two lengths", `Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
    ["an unknown coding", `Transfer-Encoding: xchunked\r\n\r\n${hidden}`],
    ["a coding behind chunked", `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    ["a space before the colon", `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`],
    ["a bare line feed", `X: 1\nContent-Length: 4\r\n\r\n${hidden}`],
    ["a signed length", `Content-Length: +5\r\n\r\n${hidden}`],
    ["a folded line", `X: 1\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
  ])("behind %s is refused with 400 and never sent on", async (_, rest) => {
    const { seen, backend } = await backendLog();
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    client.write(`POST /open HTTP/1.1\r\nHost: x\r\n${rest}`);
    await client.ended;
    expect(client.received.toString()).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen.filter((line) => line.includes("hidden"))).toEqual([]);
  });

  it("can't be made by naming the framing fields in Connection", async () => {
    const { seen, backend } = await backendLog();
    const edge = await startTestEdge([backend]);
    const client = new RawClient(edge.port);
    client.write(
      "POST /open HTTP/1.1\r\nHost: x\r\nConnection: close, Content-Length\r\n" +
        `Content-Length: ${hidden.length}\r\n\r\n${hidden}`,
    );
    await client.ended;
    expect(seen).toEqual([`POST /open [${hidden}]`]);
  });
});
