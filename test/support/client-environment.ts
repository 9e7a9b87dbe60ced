import type { Environment } from "../../src/client/environment.ts";
import type { SocketEvent, WebSocketLike } from "../../src/client/web-socket.ts";
import { FakeClock } from "./fake-clock.ts";

type EventType = "open" | "message" | "error" | "close";

/** A WebSocket whose server is the test. */
export class FakeSocket implements WebSocketLike {
  readonly url: string;
  readonly protocols: readonly string[];
  protocol = "";
  readonly sent: unknown[] = [];
  /** The codes with which it was closed from this side; undefined for none. */
  readonly closes: (number | undefined)[] = [];
  readonly #listeners = new Map<EventType, ((event: SocketEvent) => void)[]>();

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  addEventListener(type: EventType, listener: (event: SocketEvent) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code?: number): void {
    this.closes.push(code);
  }

  /** The server answers 101. */
  accept(): void {
    this.#emit("open", {});
  }

  /** The server accepts, and welcomes. */
  open({ heartbeatMs = 25_000 } = {}): this {
    this.protocol = this.protocols[0] ?? "";
    this.accept();
    this.say({ type: "welcome", session: "hash", node: "node-1", heartbeatMs, inFlight: 100 });
    return this;
  }

  say(message: object): void {
    this.#emit("message", { data: JSON.stringify(message) });
  }

  end(code: number, reason = ""): void {
    this.#emit("close", { code, reason });
  }

  #emit(type: EventType, event: Omit<SocketEvent, "type">): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ type, ...event });
  }
}

/** Where a client runs whose time, chance and network are the test's. */
export class FakeEnvironment implements Environment {
  readonly clock: FakeClock = new FakeClock();
  readonly sockets: FakeSocket[] = [];
  readonly stored = new Map<string, string>();
  readonly wakers = new Set<() => void>();
  baseUrl: string | undefined;
  /** What `fraction` draws. */
  chance = 0.5;
  /** How long timers have stood still while time went on. */
  asleepMs = 0;
  #bytes = 0;

  readonly WebSocket: new (url: string, protocols: string[]) => FakeSocket;

  constructor() {
    const { sockets } = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    };
  }

  /** The one that was made last. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was made");
    return socket;
  }

  readonly storage = {
    getItem: (key: string): string | null => this.stored.get(key) ?? null,
    setItem: (key: string, value: string): void => void this.stored.set(key, value),
  };

  nowMs(): number {
    return this.clock.nowMs() + this.asleepMs;
  }

  dateMs(): number {
    return this.clock.dateMs();
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    return this.clock.after(delayMs, run);
  }

  fraction(): number {
    return this.chance;
  }

  /** Other ones each time. */
  bytes(length: number): Uint8Array {
    return new Uint8Array(length).fill(++this.#bytes);
  }

  onWake(run: () => void): () => void {
    this.wakers.add(run);
    return () => void this.wakers.delete(run);
  }

  wake(): void {
    for (const run of this.wakers) run();
  }
}
