import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Receiver } from "ws";
import { messageFrame } from "../../src/wire/message-frame.ts";

/** What `ws` reads out of frames. */
async function read(frames: Buffer): Promise<[data: Buffer, isBinary: boolean]> {
  const receiver = new Receiver({ isServer: false, binaryType: "nodebuffer" });
  const message = once(receiver, "message") as Promise<[Buffer, boolean]>;
  receiver.write(frames);
  return message;
}

describe("a message frame", () => {
  it.each([0, 1, 125, 126, 65_535, 65_536, 1_000_000])(
    "holds %i bytes as a client reads them",
    async (length) => {
      const payload = Buffer.alloc(length, "ä");
      expect(await read(messageFrame(payload, false))).toEqual([payload, true]);
      const text = Buffer.alloc(length, "x");
      expect(await read(messageFrame(text, true))).toEqual([text, false]);
    },
  );
});
