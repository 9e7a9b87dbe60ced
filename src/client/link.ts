import type { BackoffLimits } from "./backoff.ts";
import {
  ABNORMAL,
  NORMAL,
  TAKEN_OVER,
  verdictOf,
  verdictOfStatus,
  type Verdict,
} from "./close-codes.ts";
import { Connection, PROTOCOL, type ConnectionObserver, type Ending } from "./connection.ts";
import type { Environment } from "./environment.ts";
import type { Welcome } from "./node-message.ts";
import { Retry } from "./retry.ts";
import type { Session } from "./session.ts";
import type { WebSocketConstructor } from "./web-socket.ts";

/** A connection that has lasted so long has worked: the next failure is a first one. */
const LASTED_MS = 5_000;
/** What 1013 asks for. */
const LATER_MS = 5_000;

export type LinkState = "connecting" | "open" | "waiting" | "closed";

export interface LinkSettings {
  readonly environment: Environment;
  readonly WebSocket: WebSocketConstructor;
  readonly server: URL;
  readonly session: Session;
  readonly sessionIn: "query" | "subprotocol";
  readonly retry: BackoffLimits;
  readonly timeoutMs: number;
}

/** The end of a connection, or of an attempt to make one. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
  /** There will be no other. */
  readonly isFinal: boolean;
  /** Milliseconds until the next attempt; absent when there is none. */
  readonly retryInMs: number | undefined;
}

export interface LinkObserver extends Omit<ConnectionObserver, "onEnd"> {
  onAttempt(attempt: number): void;
  onClose(closing: Closing): void;
}

/** One connection at a time, and after each another one, until its end is final. */
export class Link {
  readonly #settings: LinkSettings;
  readonly #observer: LinkObserver;
  readonly #retry: Retry;
  #state: LinkState = "connecting";
  #connection: Connection;
  /** Attempts since the last connection that came about. */
  #attempt = 1;
  #openedAtMs: number | undefined;
  readonly #whenClosed: (() => void)[] = [];
  #isClosing = false;

  /** Throws what the platform throws for a URL that it does not allow. */
  constructor(settings: LinkSettings, observer: LinkObserver) {
    this.#settings = settings;
    this.#observer = observer;
    this.#retry = new Retry(settings.environment, settings.retry);
    this.#connection = this.#connect();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Only while it is open. */
  send(text: string): void {
    if (this.#state === "open") this.#connection.send(text);
  }

  /** Something has changed for the better: finds out now. */
  wake(): void {
    if (this.#state === "open") this.#connection.wake();
    else this.#retry.hurry();
  }

  /** Resolves when the connection is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenClosed.push(resolve);
      if (this.#state === "closed") this.#settle();
      else if (this.#state === "waiting") this.#finish(NORMAL, "");
      else {
        this.#isClosing = true;
        this.#connection.close();
      }
    });
  }

  #connect(): Connection {
    const { session, sessionIn, environment, WebSocket, timeoutMs } = this.#settings;
    const url = new URL(this.#settings.server);
    const protocols = [PROTOCOL];
    if (sessionIn === "query") url.searchParams.set("session", session.token);
    else protocols.push(`session.${session.token}`);
    const settings = { environment, WebSocket, url: url.href, protocols, timeoutMs };
    return new Connection(settings, {
      onWelcome: (welcome) => this.#open(welcome),
      onMessage: (message) => this.#observer.onMessage(message),
      onEnd: (ending) => this.#end(ending),
    });
  }

  #open(welcome: Welcome): void {
    this.#state = "open";
    this.#openedAtMs = this.#settings.environment.nowMs();
    this.#attempt = 0;
    this.#observer.onWelcome(welcome);
  }

  #again(): void {
    this.#state = "connecting";
    this.#attempt++;
    this.#observer.onAttempt(this.#attempt);
    // A listener may have closed the client.
    if (this.#state !== "connecting") return;
    try {
      this.#connection = this.#connect();
    } catch (error) {
      // What the platform allowed at first, it may allow again.
      this.#end({ code: ABNORMAL, reason: String(error) });
    }
  }

  #end(ending: Ending): void {
    const { code, reason, refusal } = ending;
    const openedAtMs = this.#openedAtMs;
    this.#openedAtMs = undefined;
    if (this.#isClosing) {
      this.#finish(NORMAL, reason);
      return;
    }
    const verdict = this.#judge(ending);
    if (verdict === "final") {
      this.#finish(code, reason);
      return;
    }
    const lastedMs = openedAtMs === undefined ? 0 : this.#settings.environment.nowMs() - openedAtMs;
    if (verdict === "first" || lastedMs >= LASTED_MS) this.#retry.reset();
    const pauseMs = verdict === "later" ? LATER_MS : (refusal?.retryAfterMs ?? 0);
    this.#state = "waiting";
    const retryInMs = this.#retry.schedule(() => this.#again(), pauseMs);
    this.#observer.onClose({ code, reason, isFinal: false, retryInMs });
  }

  #judge({ code, refusal }: Ending): Verdict {
    if (refusal !== undefined) return verdictOfStatus(refusal.status);
    if (code === TAKEN_OVER && this.#settings.session.renew()) return "again";
    return verdictOf(code);
  }

  #finish(code: number, reason: string): void {
    this.#state = "closed";
    this.#retry.cancel();
    this.#observer.onClose({ code, reason, isFinal: true, retryInMs: undefined });
    this.#settle();
  }

  #settle(): void {
    for (const resolve of this.#whenClosed.splice(0)) resolve();
  }
}
