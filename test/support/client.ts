import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { WebSocket, type ClientOptions } from "ws";

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A real WebSocket client whose messages and end can be awaited, however early they come. */
export class TestClient {
  readonly socket: WebSocket;
  readonly closed: Promise<Closed>;
  /** Headers of the 101. */
  readonly headers: Promise<NodeJS.Dict<string | string[]>>;
  readonly #messages: { data: Buffer; isBinary: boolean }[] = [];
  #wanted: (() => void) | undefined;

  constructor(url: string, options: ClientOptions = {}, protocols: string[] = []) {
    this.socket = new WebSocket(url, protocols, options);
    this.socket.on("message", (data: Buffer, isBinary) => {
      this.#messages.push({ data, isBinary });
      this.#wanted?.();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", (code, reason) => resolve({ code, reason: String(reason) }));
    });
    this.headers = new Promise((resolve) => {
      this.socket.on("upgrade", (response) => resolve(response.headers));
    });
    this.socket.on("error", () => undefined); // its close tells the rest
    onTestFinished(() => this.socket.terminate());
  }

  async open(): Promise<this> {
    if (this.socket.readyState !== WebSocket.OPEN) await once(this.socket, "open");
    return this;
  }

  async message(): Promise<{ data: Buffer; isBinary: boolean }> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      await new Promise<void>((resolve) => (this.#wanted = resolve));
    }
  }

  async text(): Promise<string> {
    return String((await this.message()).data);
  }
}

export async function openClient(
  url: string,
  options: ClientOptions = {},
  protocols: string[] = [],
): Promise<TestClient> {
  return new TestClient(url, options, protocols).open();
}

/** The status and body with which an upgrade is refused. */
export async function refusedUpgrade(
  url: string,
  options: ClientOptions = {},
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
  const socket = new WebSocket(url, options);
  socket.on("error", () => undefined);
  onTestFinished(() => socket.terminate());
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
  };
}

/** A client that writes bytes of its own choice, and remembers all that it is sent. */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the other side has ended or reset the connection. */
  readonly ended: Promise<"end" | "reset">;
  #received: Buffer = Buffer.alloc(0);
  #changed: (() => void) | undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.ended = new Promise((resolve) => {
      this.socket.on("end", () => resolve("end")).on("close", () => resolve("reset"));
    });
    this.socket
      .on("error", () => undefined)
      .on("data", (chunk) => {
        this.#received = Buffer.concat([this.#received, chunk]);
        this.#changed?.();
      });
    void this.ended.then(() => this.#changed?.());
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  get received(): Buffer {
    return this.#received;
  }

  write(data: string | Buffer): this {
    this.socket.write(data);
    return this;
  }

  /** Waits until the bytes received so far satisfy the test. */
  async until(test: (received: Buffer) => boolean): Promise<Buffer> {
    while (!test(this.#received)) {
      if (this.socket.destroyed || this.socket.readableEnded) {
        throw new Error(`ended before: ${this.#received.toString("latin1")}`);
      }
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
    return this.#received;
  }

  /** Sends an upgrade and waits for its 101. Returns what came behind its head. */
  async upgrade(path = "/", headers = ""): Promise<void> {
    this.write(upgradeRequest(path, headers));
    const received = await this.until((bytes) => bytes.includes("\r\n\r\n"));
    const head = received.subarray(0, received.indexOf("\r\n\r\n") + 4);
    if (!head.toString().startsWith("HTTP/1.1 101")) throw new Error(head.toString());
    this.#received = received.subarray(head.length);
  }
}

export function upgradeRequest(path = "/", headers = ""): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`
  );
}
