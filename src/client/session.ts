import { RingwayClientError } from "./client-error.ts";
import type { Environment } from "./environment.ts";
import { randomText } from "./random-text.ts";

const TOKEN = /^[A-Za-z0-9_-]{22,128}$/;
const STORED_AS = "ringway.session:";

/**
 * The token that names the session, the same across connections: the application's, or one of our
 * own, which the tab of a browser remembers for each server, so that a reload resumes.
 */
export class Session {
  readonly #environment: Environment;
  readonly #storedAs: string;
  readonly #isGiven: boolean;
  #token: string;

  /**
   * @param server whose session it is: a token is told to no other
   * @throws RingwayClientError `bad_option`
   */
  constructor(environment: Environment, server: URL, given: string | undefined) {
    this.#environment = environment;
    this.#storedAs = STORED_AS + server.origin + server.pathname;
    this.#isGiven = given !== undefined;
    const token = given ?? environment.storage?.getItem(this.#storedAs) ?? "";
    if (TOKEN.test(token)) this.#token = token;
    else if (given === undefined) this.#token = this.#make();
    else throw new RingwayClientError("bad_option", "session: use 22 to 128 of A-Z a-z 0-9 _ -");
  }

  get token(): string {
    return this.#token;
  }

  /**
   * Somebody else uses the token: a duplicated tab has copied it.
   *
   * @returns whether there is another now; the application's stays what it is
   */
  renew(): boolean {
    if (this.#isGiven) return false;
    this.#token = this.#make();
    return true;
  }

  #make(): string {
    const token = randomText(this.#environment);
    try {
      this.#environment.storage?.setItem(this.#storedAs, token);
    } catch {
      // The storage is full or forbidden: a reload is a new session then.
    }
    return token;
  }
}
