/**
 * Remembers which backend holds a session. Keys are opaque and unique over pools.
 *
 * A store in this process answers directly; one over a network with promises.
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
  /** The session is in use: its time to live starts again. Does nothing when it is not bound. */
  touch(session: string): void;
}
