import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { startBackend, type BackendBehaviour } from "../support/backend.ts";
import { startEdgeProcess, type EdgeProcess } from "../support/edge-process.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const CHUNK = Buffer.alloc(MIB, 7);
/** Buffers in flight and not yet collected; a body that is kept would be a thousand. */
const MAX_GROWTH = 64 * MIB;

async function edgeBefore(http: NonNullable<BackendBehaviour["http"]>): Promise<EdgeProcess> {
  const { id, url } = await startBackend("a", { http });
  return startEdgeProcess({
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ pool: "test" }],
    pools: { test: { backends: [{ id, url }] } },
  });
}

/** The most that the edge has grown while the work went on. */
async function growthDuring(edge: EdgeProcess, work: Promise<unknown>): Promise<number> {
  const before = (await edge.measure()).rss;
  let peak = before;
  const done = work.then(() => "done");
  while ((await Promise.race([done, edge.measure()])) !== "done") {
    peak = Math.max(peak, (await edge.measure()).rss);
  }
  return peak - before;
}

describe("a body of 1 GiB", () => {
  it("is uploaded in bounded memory", async () => {
    const edge = await edgeBefore((message, response) => {
      let bytes = 0;
      message.on("data", (chunk: Buffer) => (bytes += chunk.length));
      message.on("end", () => response.end(String(bytes)));
    });
    const upload = async (): Promise<string> => {
      const sent = request(`http://127.0.0.1:${edge.port}/`, { method: "POST" });
      const answered = once(sent, "response") as Promise<[IncomingMessage]>;
      for (let bytes = 0; bytes < GIB; bytes += CHUNK.length) {
        if (!sent.write(CHUNK)) await once(sent, "drain");
      }
      sent.end();
      const [response] = await answered;
      return String(await once(response, "data"));
    };
    const uploaded = upload();
    expect(await growthDuring(edge, uploaded)).toBeLessThan(MAX_GROWTH);
    expect(await uploaded).toBe(String(GIB));
  }, 60_000);

  it("is downloaded in bounded memory, and waits for its reader", async () => {
    let sent = 0;
    const edge = await edgeBefore((_, response) => {
      const write = (): void => {
        while (sent < GIB) {
          sent += CHUNK.length;
          if (!response.write(CHUNK)) {
            response.once("drain", write);
            return;
          }
        }
        response.end();
      };
      write();
    });
    const download = async (): Promise<number> => {
      const asked = request(`http://127.0.0.1:${edge.port}/`).end();
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      let bytes = 0;
      for await (const chunk of response) {
        if (bytes === 0) {
          // Not read yet: what the backend has got rid of lies in kernel buffers.
          let before = -1;
          while (sent > before) {
            before = sent;
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
          expect(sent).toBeLessThan(GIB / 10);
        }
        bytes += (chunk as Buffer).length;
      }
      return bytes;
    };
    const downloaded = download();
    expect(await growthDuring(edge, downloaded)).toBeLessThan(MAX_GROWTH);
    expect(await downloaded).toBe(GIB);
  }, 60_000);
});

describe("a body that is cut short", () => {
  it("looks cut short to the client", async () => {
    const edge = await edgeBefore((_, response) => {
      response.writeHead(200).write("half", () => response.socket?.resetAndDestroy());
    });
    const asked = request(`http://127.0.0.1:${edge.port}/`).end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    const [error] = (await once(response.resume(), "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
    expect(response.complete).toBe(false);
  });

  it("by its client takes the backend's request with it", async () => {
    let aborted: Promise<unknown[]> | undefined;
    let began: (() => void) | undefined;
    const edge = await edgeBefore((message, response) => {
      aborted = once(response, "close");
      message.on("data", () => began?.());
      message.on("error", () => undefined);
    });
    const there = new Promise<void>((resolve) => (began = resolve));
    const sent = request(`http://127.0.0.1:${edge.port}/`, { method: "POST" });
    sent.on("error", () => undefined).write("half");
    await there;
    sent.destroy();
    await aborted;
  });

  it("by a client that waits for its answer takes the backend's request with it", async () => {
    let aborted: Promise<unknown[]> | undefined;
    let began: (() => void) | undefined;
    const edge = await edgeBefore((_, response) => {
      aborted = once(response, "close");
      began?.();
    });
    const there = new Promise<void>((resolve) => (began = resolve));
    const sent = request(`http://127.0.0.1:${edge.port}/`)
      .on("error", () => undefined)
      .end();
    await there;
    sent.destroy();
    await aborted;
  });
});
