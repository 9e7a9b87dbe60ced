import { ABNORMAL, NORMAL } from "./close-codes.ts";
import type { Environment, Timer } from "./environment.ts";
import { Heartbeat } from "./heartbeat.ts";
import { readMessage, type BadMessage, type NodeMessage, type Welcome } from "./node-message.ts";
import { retryAfterMs } from "./retry-after.ts";
import { isNodeSocket, type WebSocketConstructor, type WebSocketLike } from "./web-socket.ts";

export const PROTOCOL = "ringway.v1";
const PING = '{"type":"ping"}';
/** Bounds of what a node may ask for: neither a flood of pings nor a timer that never comes. */
const HEARTBEAT = { fromMs: 1_000, toMs: 600_000 };
/** How long the server's Close is waited for. */
const CLOSING_MS = 2_000;
/** A page that is shown again should not wait for long. */
const WAKING_MS = 3_000;

/** How a connection ended. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
  /** Of a handshake that was refused, where that can be seen: in Node.js, with `ws`. */
  readonly refusal?: { readonly status: number; readonly retryAfterMs: number } | undefined;
}

export interface ConnectionSettings {
  readonly environment: Environment;
  readonly WebSocket: WebSocketConstructor;
  readonly url: string;
  readonly protocols: string[];
  /** For the welcome, and for an answer to a ping. */
  readonly timeoutMs: number;
}

export interface ConnectionObserver {
  /** Until then nothing can be said. */
  onWelcome(welcome: Welcome): void;
  onMessage(message: Exclude<NodeMessage, Welcome> | BadMessage): void;
  /** Once, and nothing after it. */
  onEnd(ending: Ending): void;
}

/** One WebSocket, from its handshake to its end. */
export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #observer: ConnectionObserver;
  readonly #socket: WebSocketLike;
  /** For the welcome, later for the server's Close. */
  #timer: Timer | undefined;
  #heartbeat: Heartbeat | undefined;
  #refusal: Ending["refusal"];
  #isClosing = false;
  #isOver = false;

  /** Throws what the platform throws for a URL that it does not allow. */
  constructor(settings: ConnectionSettings, observer: ConnectionObserver) {
    this.#settings = settings;
    this.#observer = observer;
    const { WebSocket, url, protocols, environment, timeoutMs } = settings;
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    this.#timer = environment.after(timeoutMs, () => this.#fail("there was no welcome in time"));
    socket.addEventListener("open", () => {
      if (socket.protocol !== PROTOCOL) this.#fail(`the server does not speak ${PROTOCOL}`);
    });
    socket.addEventListener("message", ({ data }) => this.#hear(data));
    socket.addEventListener("error", () => undefined); // its close tells the rest
    socket.addEventListener("close", ({ code = ABNORMAL, reason = "" }) => {
      this.#end({ code, reason, refusal: this.#refusal });
    });
    if (isNodeSocket(socket)) {
      socket.on("unexpected-response", (_, { statusCode: status = 0, headers }) => {
        const waitMs = retryAfterMs(headers["retry-after"], environment.dateMs());
        this.#refusal = { status, retryAfterMs: waitMs };
        this.#fail(`the handshake was answered ${status}`);
      });
    }
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  /** The page is back: is the server, too? */
  wake(): void {
    this.#heartbeat?.check(Math.min(WAKING_MS, this.#settings.timeoutMs));
  }

  /** Says Close 1000. What comes before the server's Close is not read any more. */
  close(): void {
    if (this.#isOver || this.#isClosing) return;
    this.#isClosing = true;
    this.#heartbeat?.stop();
    this.#timer?.cancel();
    this.#timer = this.#settings.environment.after(CLOSING_MS, () => this.#cut(NORMAL, ""));
    this.#socket.close(NORMAL);
  }

  #hear(data: unknown): void {
    if (this.#isOver || this.#isClosing) return;
    this.#heartbeat?.heard();
    const message = readMessage(data);
    if (message === undefined || message.type === "pong") return;
    if (message.type === "welcome") this.#open(message);
    else if (this.#heartbeat !== undefined) this.#observer.onMessage(message);
    else if (message.type === "bad") this.#fail(`no welcome: ${message.problem}`);
  }

  #open(welcome: Welcome): void {
    if (this.#heartbeat !== undefined) return; // a second one
    this.#timer?.cancel();
    const { environment, timeoutMs } = this.#settings;
    const { fromMs, toMs } = HEARTBEAT;
    this.#heartbeat = new Heartbeat({
      environment,
      silenceMs: Math.min(toMs, Math.max(fromMs, welcome.heartbeatMs)),
      patienceMs: timeoutMs,
      ping: () => this.send(PING),
      onDead: () => this.#fail("the server does not answer"),
    });
    this.#observer.onWelcome(welcome);
  }

  #fail(reason: string): void {
    this.#cut(this.#isClosing ? NORMAL : ABNORMAL, reason);
  }

  /** Does not wait for a peer that may have gone; a browser would wait for minutes. */
  #cut(code: number, reason: string): void {
    const socket = this.#socket;
    if (this.#isOver) return;
    if (isNodeSocket(socket)) socket.terminate();
    else socket.close();
    this.#end({ code, reason, refusal: this.#refusal });
  }

  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#heartbeat?.stop();
    this.#observer.onEnd(ending);
  }
}
