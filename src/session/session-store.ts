/**
 * Remembers which backend holds a session. Keys are opaque and unique over pools.
 *
 * A store in this process answers directly; one over a network with promises, which it rejects with
 * a `StoreError` when it can't answer. It never waits without end, but whoever asks has a deadline.
 */
export interface SessionStore extends AsyncDisposable {
  /** The id of the backend that the session is bound to. */
  get(session: string): string | undefined | Promise<string | undefined>;
  /**
   * Binds in one step: the session goes to `backendId` if it is still bound to `expected`
   * (undefined: to nothing).
   *
   * @returns the backend that holds the session now: the winner's, when another was faster
   */
  bind(session: string, backendId: string, expected: string | undefined): string | Promise<string>;
  /**
   * The session is in use: its time to live starts again. A binding that the store has lost since,
   * as when it was restarted, is made again.
   */
  touch(session: string, backendId: string): void | Promise<void>;
  /** The session's last use at this backend is over: its binding is kept for the grace time. */
  release(session: string, backendId: string): void | Promise<void>;
}
