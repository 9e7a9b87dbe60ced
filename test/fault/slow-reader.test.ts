import { once } from "node:events";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { startBackend } from "../support/backend.ts";
import { openClient, type TestClient } from "../support/client.ts";
import { startEdgeProcess, type EdgeProcess } from "../support/edge-process.ts";

const MIB = 1024 * 1024;
const MESSAGE_BYTES = MIB;
const MESSAGES = 200;
const WARM_UP = 50;
/** What a stalled tunnel may hold. */
const MAX_HELD = 5 * MIB;
/** Resident memory has what was read and is not collected yet too; a backlog would be all 200 MB. */
const MAX_RESIDENT = 32 * MIB;

/** Resolves when what a sender has not got rid of stops shrinking: everything on the way is full. */
async function stalled(sender: WebSocket): Promise<void> {
  let before = Infinity;
  while (sender.bufferedAmount < before) {
    before = sender.bufferedAmount;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function sendAll(sender: WebSocket): void {
  for (let i = 0; i < MESSAGES; i++) {
    const message = Buffer.alloc(MESSAGE_BYTES, i);
    message.writeUInt32BE(i);
    sender.send(message);
  }
}

/** Lets 200 MB run against a reader that does not read, then lets it read. */
async function runAgainst(
  edge: EdgeProcess,
  ends: { readonly sender: WebSocket; readonly reader: WebSocket },
): Promise<{ growth: { rss: number; used: number }; numbers: number[]; whole: boolean }> {
  const numbers: number[] = [];
  let whole = true;
  // What a process has read and not yet collected stays its own: that of a running edge is there.
  for (let i = 0; i < WARM_UP; i++) {
    ends.sender.send(Buffer.alloc(MESSAGE_BYTES));
    await once(ends.reader, "message");
  }
  const before = await edge.measure();
  ends.reader.on("message", (data: Buffer) => {
    numbers.push(data.readUInt32BE());
    whole &&= data.length === MESSAGE_BYTES && data[MESSAGE_BYTES - 1] === data[4];
    if (numbers.length === MESSAGES) ends.reader.emit("all");
  });
  ends.reader.pause();
  sendAll(ends.sender);
  await stalled(ends.sender);
  const during = await edge.measure();
  const all = once(ends.reader, "all");
  ends.reader.resume();
  await all;
  return {
    growth: { rss: during.rss - before.rss, used: during.used - before.used },
    numbers,
    whole,
  };
}

const inOrder = Array.from({ length: MESSAGES }, (_, i) => i);

async function connectThrough(): Promise<{
  edge: EdgeProcess;
  client: TestClient;
  backendSide: WebSocket;
}> {
  let accepted: ((socket: WebSocket) => void) | undefined;
  const backendSide = new Promise<WebSocket>((resolve) => (accepted = resolve));
  const { id, url } = await startBackend("a", {
    webSocket: (socket) => accepted?.(socket.on("error", () => undefined)),
    options: { perMessageDeflate: false },
  });
  const edge = await startEdgeProcess({
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ pool: "test" }],
    pools: { test: { backends: [{ id, url }] } },
  });
  const client = await openClient(edge.ws, { perMessageDeflate: false, maxPayload: 2 * MIB });
  return { edge, client, backendSide: await backendSide };
}

describe("a peer that stops reading while 200 MB are sent to it", () => {
  it("as the client holds its backend back, costs the edge less than 5 MB, and loses nothing", async () => {
    const { edge, client, backendSide } = await connectThrough();
    const { growth, numbers, whole } = await runAgainst(edge, {
      sender: backendSide,
      reader: client.socket,
    });
    expect(growth.used).toBeLessThan(MAX_HELD);
    expect(growth.rss).toBeLessThan(MAX_RESIDENT);
    expect(numbers).toEqual(inOrder);
    expect(whole).toBe(true);
  }, 60_000);

  it("as the backend holds its client back, costs the edge less than 5 MB, and loses nothing", async () => {
    const { edge, client, backendSide } = await connectThrough();
    const { growth, numbers, whole } = await runAgainst(edge, {
      sender: client.socket,
      reader: backendSide,
    });
    expect(growth.used).toBeLessThan(MAX_HELD);
    expect(growth.rss).toBeLessThan(MAX_RESIDENT);
    expect(numbers).toEqual(inOrder);
    expect(whole).toBe(true);
  }, 60_000);
});
