import type { WebSocketConstructor } from "./web-socket.ts";

/** A timer that can be cancelled any number of times. */
export interface Timer {
  cancel(): void;
}

export interface TokenStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Time, chance and the page: all that the client takes from where it runs. */
export interface Environment {
  /** Milliseconds on a clock that never goes back (not a date). */
  nowMs(): number;
  /** Milliseconds since 1970. */
  dateMs(): number;
  after(delayMs: number, run: () => void): Timer;
  /** From 0 up to, not including, 1. */
  fraction(): number;
  /** Unpredictable bytes. */
  bytes(length: number): Uint8Array;
  readonly WebSocket: WebSocketConstructor | undefined;
  /** Of the browser's tab. */
  readonly storage: TokenStorage | undefined;
  /** What URLs are relative to. */
  readonly baseUrl: string | undefined;
  /** Calls a function when the page is back: shown, thawed, or on a network. @returns stops that */
  onWake(run: () => void): () => void;
}

interface Target {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** The globals of a browser's page; there are none in Node.js and in workers. */
interface Page extends Target {
  readonly document?: Target & { readonly visibilityState: string; readonly baseURI: string };
  readonly sessionStorage: TokenStorage;
  readonly WebSocket?: WebSocketConstructor;
}

const page = globalThis as unknown as Page;
const { document } = page;

export const systemEnvironment: Environment = {
  nowMs: () => performance.now(),
  dateMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  fraction: () => Math.random(),
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  WebSocket: page.WebSocket,
  // Node.js may have a `sessionStorage` as well: one for the whole process.
  storage: document && tabStorage(),
  baseUrl: document?.baseURI,
  onWake(run) {
    if (document === undefined) return () => undefined;
    const shown = (): void => {
      if (document.visibilityState === "visible") run();
    };
    const sources: readonly (readonly [Target, string, () => void])[] = [
      [page, "online", run],
      [page, "pageshow", run],
      [document, "resume", run],
      [document, "visibilitychange", shown],
    ];
    for (const [target, type, listener] of sources) target.addEventListener(type, listener);
    return () => {
      for (const [target, type, listener] of sources) target.removeEventListener(type, listener);
    };
  },
};

/** Reading the property throws where the user allows no storage. */
function tabStorage(): TokenStorage | undefined {
  try {
    return page.sessionStorage;
  } catch {
    return undefined; // a reload is a new session then
  }
}
