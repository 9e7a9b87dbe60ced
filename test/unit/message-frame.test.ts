import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { messageFrame } from "../../src/wire/message-frame.ts";

const server = createServer();
const webSockets = new WebSocketServer({ noServer: true });
let frames: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  server.on("upgrade", (request, socket, head) => {
    webSockets.handleUpgrade(request, socket, head, () => void socket.write(frames));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** What a client of `ws` reads out of frames. */
async function read(sent: Buffer): Promise<[data: Buffer, isBinary: boolean]> {
  frames = sent;
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const message = (await once(client, "message")) as [Buffer, boolean];
  client.terminate();
  await once(client, "close");
  return message;
}

describe("a message frame", () => {
  it.each([0, 1, 125, 126, 65_535, 65_536])(
    "holds %i bytes as a client reads them",
    async (length) => {
      const payload = Buffer.alloc(length, "ä");
      expect(await read(messageFrame(payload, false))).toEqual([payload, true]);
      const text = Buffer.alloc(length, "x");
      expect(await read(messageFrame(text, true))).toEqual([text, false]);
    },
  );
});
